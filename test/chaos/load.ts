/**
 * The load of the chaos suites, a process of its own: `bun load.ts PORT TOPIC PARTITIONS LEDGER SEED`.
 *
 * Several writers and one consumer a partition, each on its own connection, through whatever happens to the node. Everything
 * goes into the ledger; nothing is judged here. SIGTERM lets the writers finish what they began and the consumers reach
 * the end, then it exits 0.
 */
import { seededRandom } from "../../src/lib/random.ts";
import { encodeRequest, Wire, type Answer } from "../bench/wire.ts";
import { LedgerWriter, type ValueName } from "./ledger.ts";
import { type Attempt, workerKinds, type WorkerKind } from "./workers.ts";

const [port, topic = "", partitions, ledgerPath = "", seed] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const ledger = new LedgerWriter(ledgerPath);
const state = { stopping: false, writersDone: false };

/** A request that takes longer than this will never be answered: the ledger says so and the suite fails. */
const answerTimeoutMs = 15_000;
const paddingMax = 2000;
const pauseMaxMs = 25;
const pollMs = 1000;

/** One connection that is made anew whenever it is gone. */
class Line {
  #wire: Wire | null = null;

  /** The answer, or null when the connection went before it. */
  async ask(request: Uint8Array): Promise<Answer | null> {
    const wire = await this.#connected();
    let timer: Timer | undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error("late")), answerTimeoutMs);
      });
      return await Promise.race([wire.exchange(request), late]);
    } catch (error) {
      this.#wire = null;
      wire.close();
      if (error instanceof Error && error.message === "late") throw error;
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async #connected(): Promise<Wire> {
    while (!this.#wire) {
      this.#wire = await Wire.connect(Number(port)).catch(() => null);
      if (!this.#wire) await Bun.sleep(3);
    }
    return this.#wire;
  }
}

function encode({ path, headers, body }: Attempt): Buffer {
  return encodeRequest("POST", path, headers, body);
}

/** True when the answer says that nothing was done and that the same may be tried again. */
function refusedForNow(answer: Answer): boolean {
  if (answer.status !== 503 && answer.status !== 507) return false;
  // A problem document of the API.
  const problem = JSON.parse(answer.body.toString()) as { side_effects?: string };
  return problem.side_effects === "none";
}

async function write(kind: WorkerKind): Promise<void> {
  const line = new Line();
  let count = 0;
  for (let turn = 0; !state.stopping; turn += 1) {
    const values = Array.from(
      { length: 1 + Math.floor(random.next() * kind.valuesMax) },
      (): ValueName => [`${kind.name}-${count++}`, Math.floor(random.next() ** 4 * paddingMax)],
    );
    const request = encode(kind.attempt(turn, values));
    const worker = kind.name;
    ledger.write({ type: "sent", worker, values });
    await writeOne(kind, line, request, values);
    await Bun.sleep(random.next() * pauseMaxMs);
  }
}

/** Writes down what an answer of 2xx says; false when part of the request should be tried again. */
function settled(kind: WorkerKind, body: string, values: readonly ValueName[]): boolean {
  const worker = kind.name;
  const found = kind.places(body);
  if (found.length !== values.length) {
    ledger.write({ type: "wrong", worker, what: body.slice(0, 1000) });
    return true;
  }
  const places = found.filter((place) => place !== null);
  const taken = values.filter((_, index) => found[index] !== null);
  if (kind.retries && taken.length < values.length) return false;
  ledger.write({ type: "acked", worker, values: taken, places });
  const rest = values.filter((_, index) => found[index] === null);
  if (rest.length > 0) ledger.write({ type: "unanswered", worker, values: rest });
  return true;
}

async function writeOne(
  kind: WorkerKind,
  line: Line,
  request: Buffer,
  values: readonly ValueName[],
): Promise<void> {
  const worker = kind.name;
  for (;;) {
    const answer = await line.ask(request);
    if (answer && answer.status >= 200 && answer.status <= 299) {
      if (settled(kind, answer.body.toString(), values)) return;
    } else if (answer && !refusedForNow(answer)) {
      const what = `${answer.status} ${answer.body.toString().slice(0, 1000)}`;
      ledger.write({ type: "wrong", worker, what });
      return;
    }
    if (!kind.retries) {
      ledger.write({ type: answer ? "refused" : "unanswered", worker, values });
      return;
    }
    if (answer) await Bun.sleep(10);
  }
}

interface Page {
  readonly records: readonly { readonly offset: number; readonly value: string }[];
  readonly next: number;
}

/** Follows one partition by long poll, from the beginning until the writers are done and the end is reached. */
async function follow(partition: number): Promise<void> {
  const line = new Line();
  const path = `/v1/topics/${topic}/partitions/${partition}/records`;
  let next = 0;
  for (;;) {
    const ending = state.writersDone;
    const query = `from=${next}&wait_ms=${ending ? 0 : pollMs}&as=text`;
    const answer = await line.ask(encodeRequest("GET", `${path}?${query}`));
    if (!answer || answer.status === 503) continue;
    const wrong = (what: string): void =>
      ledger.write({ type: "wrong", worker: `consumer ${partition}`, what });
    if (answer.status !== 200) {
      wrong(`${answer.status} at ${next}: ${answer.body.toString().slice(0, 1000)}`);
      return;
    }
    // The fetch answer of the native API.
    const { records, next: after } = JSON.parse(answer.body.toString()) as Page;
    const misplaced = records.findIndex((record, index) => record.offset !== next + index);
    if (misplaced >= 0 || after !== next + records.length)
      wrong(
        `asked from ${next}, given ${records.map(({ offset }) => offset).join()}, next ${after}`,
      );
    if (records.length > 0) {
      const values = records.map(({ value }) => value);
      ledger.write({ type: "seen", partition, from: next, values });
    } else if (ending) return;
    next = after;
  }
}

process.on("SIGTERM", () => {
  state.stopping = true;
});

const following = Promise.all(
  Array.from({ length: Number(partitions) }, (_, partition) => follow(partition)),
);
await Promise.all(
  workerKinds(topic, random).map((kind) =>
    write(kind).catch((error: unknown) =>
      ledger.write({ type: "wrong", worker: kind.name, what: String(error) }),
    ),
  ),
);
state.writersDone = true;
await following;
process.exit(0);
