/**
 * Ways of writing to a topic, one for each promise that the API makes: what is sent, and whether it may be sent again.
 */
import type { Random } from "../../src/lib/random.ts";
import { type Place, type ValueName, valueText } from "./ledger.ts";

export interface Attempt {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface WorkerKind {
  readonly name: string;
  readonly valuesMax: number;
  /** Whether an unanswered request is sent again until it is answered. */
  readonly retries: boolean;
  /** Builds the n-th request of this worker; the same n gives the same request. */
  attempt(turn: number, values: readonly ValueName[]): Attempt;
  /** Where the values are, by the answer's body; null for one that was refused while others were taken. */
  places(body: string): (Place | null)[];
}

interface Result {
  readonly partition: number;
  readonly offset?: number;
}

function placeOf({ partition, offset }: Result): Place | null {
  return offset === undefined ? null : [partition, offset];
}

function resultsOf(body: string): (Place | null)[] {
  // The produce answer of the native API; a wrong shape shows as a wrong number of places.
  const { results } = JSON.parse(body) as { results: Result[] };
  return results.map(placeOf);
}

function receiptsOf(body: string): (Place | null)[] {
  const lines = body.split("\n").filter((line) => line !== "");
  return lines.map((line) => placeOf(JSON.parse(line) as Result));
}

const json = { "content-type": "application/json" };
const raw = { "content-type": "application/octet-stream" };

function arrayBody(values: readonly ValueName[], keyed: boolean): Buffer {
  const records = values.map((value) => ({
    ...(keyed ? { key: value[0] } : {}),
    value: valueText(value),
  }));
  return Buffer.from(JSON.stringify({ records }));
}

/** The kinds that a load mixes, on a topic with at least four partitions. */
export function workerKinds(topic: string, random: Random): WorkerKind[] {
  const run = Buffer.from(random.bytes(6)).toString("hex");
  const topicPath = `/v1/topics/${topic}/records`;
  const pinned = (partition: number) => `/v1/topics/${topic}/partitions/${partition}/records`;
  const arrays = (name: string, path: string, keyed: boolean): WorkerKind => ({
    name,
    valuesMax: 20,
    retries: false,
    attempt: (_, values) => ({ path, headers: json, body: arrayBody(values, keyed) }),
    places: resultsOf,
  });
  const bodies = (name: string, path: string): WorkerKind => ({
    name,
    valuesMax: 1,
    retries: false,
    attempt: (_, [value]) => ({ path, headers: raw, body: Buffer.from(valueText(value!)) }),
    places: resultsOf,
  });
  const sequenced = (name: string, kind: WorkerKind): WorkerKind => ({
    ...kind,
    name,
    retries: true,
    attempt(turn, values) {
      const attempt = kind.attempt(turn, values);
      const producer = {
        "producer-id": `${run}-${name}`,
        "producer-epoch": "0",
        "producer-seq": String(turn),
      };
      return { ...attempt, headers: { ...attempt.headers, ...producer } };
    },
  });
  const keyedOnce = (name: string, kind: WorkerKind): WorkerKind => ({
    ...kind,
    name,
    retries: true,
    attempt(turn, values) {
      const attempt = kind.attempt(turn, values);
      const once = { "idempotency-key": `${run}-${name}-${turn}` };
      return { ...attempt, headers: { ...attempt.headers, ...once } };
    },
  });
  const lines: WorkerKind = {
    name: "ndjson",
    valuesMax: 20,
    retries: false,
    attempt: (_, values) => ({
      path: pinned(3),
      headers: { "content-type": "application/x-ndjson" },
      body: Buffer.from(
        values.map((value) => `${JSON.stringify({ value: valueText(value) })}\n`).join(""),
      ),
    }),
    places: receiptsOf,
  };
  return [
    arrays("array-a", pinned(0), false),
    arrays("array-b", pinned(1), false),
    arrays("spread", topicPath, true),
    bodies("body", pinned(0)),
    bodies("written", `${pinned(2)}?acks=1`),
    lines,
    sequenced("seq-array", arrays("", pinned(1), false)),
    sequenced("seq-body", bodies("", pinned(2))),
    keyedOnce("key-body", bodies("", pinned(3))),
    keyedOnce("key-spread", arrays("", topicPath, true)),
  ];
}
