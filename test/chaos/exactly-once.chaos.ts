/**
 * Exactly once under kill -9: writers, movers and readers of both versions of the protocol on a real node that is killed at times
 * drawn from a seed, again and again; then peace, in which everything is moved and read, and the judge of the history.
 *
 * `EXACTLY_ONCE_SEED=7` runs one seed, `EXACTLY_ONCE_SEEDS=50` that many.
 */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../../src/lib/random.ts";
import { freePort } from "../bench/server.ts";
import { connectKafka } from "../conformance/kafka-connection.ts";
import { newTopic } from "../conformance/kafka-records.ts";
import { TransactionalClient } from "../conformance/kafka-transactional.ts";
import { type NodeProcess, spawnNode } from "./node-process.ts";
import { type Log, TransactionHistory } from "./transaction-history.ts";
import {
  committed,
  committedIn,
  type LoadWorld,
  mover,
  reader,
  readOn,
  writer,
} from "./transaction-load.ts";

const KILLS = 8;
/** With less nothing is proven: a slow machine goes on until there is as much. */
const COMMITTED_MIN = 21;
const PEACE_MS = 60_000;
const one = process.env["EXACTLY_ONCE_SEED"];
const count = Number(process.env["EXACTLY_ONCE_SEEDS"] ?? 6);
const seeds = one ? [Number(one)] : Array.from({ length: count }, (_, at) => at + 1);

test.each(seeds)("seed %i: no anomaly under kills", async (seed) => {
  const directory = await mkdtemp(join(tmpdir(), "kedge-exactly-once-"));
  const [http, kafka] = [await freePort(), await freePort()];
  const start = async (): Promise<NodeProcess> => {
    const node = spawnNode(directory, http, { kafka: `127.0.0.1:${kafka}` });
    await node.ready();
    return node;
  };
  const random = seededRandom(seed);
  let node = await start();
  await using leftover = new AsyncDisposableStack();
  leftover.defer(async () => {
    await node.end("SIGKILL");
  });
  const address = `127.0.0.1:${kafka}`;
  const connection = await connectKafka(address);
  const [one, two, three, four] = [
    await newTopic(connection),
    await newTopic(connection),
    await newTopic(connection),
    await newTopic(connection),
  ];
  connection.close();
  const history = new TransactionHistory();
  const inputs = [one, two];
  const world: LoadWorld = {
    address,
    random,
    history,
    inputs,
    outputs: [three, four],
    stopping: false,
  };
  const writers: LoadWorld = { ...world };
  const writing = [writer(writers, "a"), writer(writers, "b")];
  const moving = [...inputs, ...inputs].map((input) => mover(world, input));
  const reading = [reader(world, "r1"), reader(world, "r2")];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await Bun.sleep(50 + random.next() * 900);
    await node.end("SIGKILL");
    node = await start();
  }
  await Bun.sleep(500);
  const enoughMs = performance.now() + PEACE_MS;
  while (history.count("committed") < COMMITTED_MIN && performance.now() < enoughMs)
    await Bun.sleep(50);
  writers.stopping = true;
  await Promise.all(writing);
  const logs = await settled(world);
  world.stopping = true;
  await Promise.all([...moving, ...reading]);
  const anomalies = history.judge(logs);
  const done = history.count("committed");
  console.log(
    `seed ${seed}: ${done} committed, ${history.count("aborted")} aborted, ${history.count("unknown")} unknown; ${history.polls.length} polls`,
  );
  expect(anomalies.slice(0, 20)).toEqual([]);
  expect(moved(logs, inputs)).toEqual([]);
  expect(done).toBeGreaterThanOrEqual(COMMITTED_MIN);
  expect(await node.end("SIGTERM")).toBe(0);
  await rm(directory, { recursive: true, force: true });
});

/** Waits until the movers have moved everything, reads all of it once more, and gives what is there. */
async function settled(world: LoadWorld): Promise<Map<string, Log>> {
  const client = new TransactionalClient(await connectKafka(world.address));
  const deadlineMs = performance.now() + PEACE_MS;
  for (const input of world.inputs) {
    for (;;) {
      const { found, next } = await committedIn(client, input, 0);
      const end = await endOf(client, input, next);
      const offset = await committed(client, input);
      const isStable = (await client.read(input, 0, 1)).lastStableOffset === end;
      if (isStable && offset >= (found.at(-1)?.[0] ?? -1) + 1 && offset >= end) break;
      if (performance.now() > deadlineMs) {
        throw new Error(`${input.name} is at ${offset} of ${end} after a minute of peace`);
      }
      await Bun.sleep(50);
    }
  }
  const positions = new Map<string, number>();
  while (await readOn(world, "last", client, positions));
  const logs = new Map<string, [number, string][]>();
  for (const topic of [...world.inputs, ...world.outputs]) {
    const log: [number, string][] = [];
    for (let from = 0; ;) {
      const { found, next } = await committedIn(client, topic, from);
      log.push(...found);
      if (next === from) break;
      from = next;
    }
    const { highWatermark, lastStableOffset } = await client.read(topic, 0, 1);
    if (highWatermark !== lastStableOffset) throw new Error(`${topic.name} is held up`);
    logs.set(topic.name, log);
  }
  client.connection.close();
  return logs;
}

async function endOf(
  client: TransactionalClient,
  topic: { readonly name: string; readonly id: string },
  from: number,
): Promise<number> {
  for (let end = from; ;) {
    const { next } = await committedIn(client, topic, end);
    if (next === end) return end;
    end = next;
  }
}

/** Every input is in the outputs once, and nothing else is. */
function moved(
  logs: ReadonlyMap<string, Log>,
  inputs: readonly { readonly name: string }[],
): string[] {
  const names = new Set(inputs.map(({ name }) => name));
  const wanted = new Map<string, number>();
  for (const [place, log] of logs) {
    for (const [, value] of log) {
      const [name = value] = value.split("#");
      wanted.set(name, (wanted.get(name) ?? 0) + (names.has(place) ? 1 : -1));
    }
  }
  return [...wanted].filter(([, left]) => left !== 0).map(([name, left]) => `${name} ${left}`);
}
