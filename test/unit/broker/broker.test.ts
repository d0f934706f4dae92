/**
 * The data verbs over a real log on a memory disk: append, read, find an offset, delete records.
 */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../src/lib/refusal.ts";
import { readRecords } from "../../../src/records/batch-read.ts";
import { walkBatches } from "../../../src/records/batch.ts";
import type { AppendRequest, ReadAnswer, ReadOptions } from "../../../src/broker/verbs.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | null) => (data ? new TextDecoder().decode(data) : null);
const record = (value: string, key: string | null = null, timestampMs: number | null = null) => ({
  key: key === null ? null : bytes(key),
  value: bytes(value),
  headers: [],
  timestampMs,
});
const records = (...values: string[]): AppendRequest => ({
  topic: "t",
  partition: 0,
  acks: -1,
  payload: { type: "records", records: values.map((value) => record(value)) },
});
const patient: ReadOptions = {
  bytesMin: 1,
  bytesMax: 1_000_000,
  waitMs: 20_000,
  isolation: "read_committed",
};
const atOnce: ReadOptions = { ...patient, waitMs: 0 };

/** Runs what waits on the virtual clock and gives the result. */
async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.settle();
  return promise;
}

async function withTopic(configs: Record<string, string> = {}, partitions = 1): Promise<TestNode> {
  const node = await openTestNode();
  const topic = { name: "t", partitions, replicationFactor: 1, configs };
  await now(node, node.broker.createTopic(somebody, topic));
  return node;
}

const append = (node: TestNode, request: AppendRequest) =>
  now(node, node.broker.append(somebody, request));

function values({ batches }: ReadAnswer): (string | null)[] {
  return batches.flatMap((run) =>
    [...walkBatches(run)].flatMap(({ at }) =>
      [...readRecords(run, at, { decompressedBytesMax: 1e6 })].map(({ value }) => text(value)),
    ),
  );
}

async function readFrom(node: TestNode, from: number, options = atOnce): Promise<ReadAnswer> {
  const request = { topic: "t", partition: 0, from, bytesMax: 1_000_000 };
  const [answer] = await now(node, node.broker.read(somebody, [request], options));
  if (!answer) throw new Error("one answer a request");
  return answer;
}

async function refusalOf(promise: Promise<unknown>): Promise<Refusal> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("not refused");
}

describe("append and read", () => {
  test("what is appended is read, from the cache and from storage", async () => {
    const node = await withTopic();
    const answer = await append(node, records("a", "b"));
    expect(answer).toMatchObject({ baseOffset: 0, count: 2, duplicate: false, logStart: 0 });
    expect(await append(node, records("c"))).toMatchObject({ baseOffset: 2, count: 1 });
    const cached = await readFrom(node, 0);
    expect(values(cached)).toEqual(["a", "b", "c"]);
    expect(cached).toMatchObject({ highWatermark: 3, lastStable: 3, position: 0, refusal: null });
    expect(values(await readFrom(node, 2))).toEqual(["c"]);
    const partition = node.logs.log(cached.topicId, 0);
    if (!partition) throw new Error("there is a log");
    node.node.cache.clear(partition.tail);
    const stored = await readFrom(node, 0);
    expect(stored.batches.map((run) => run.toHex()).join("")).toBe(
      cached.batches.map((run) => run.toHex()).join(""),
    );
  });

  test("a hole at the end of the log is passed; what does not fit is not", async () => {
    const first = await withTopic();
    await append(first, records("a", "b"));
    first.disk.crash({ loseUnsynced: true });
    const node = await openTestNode({ disk: first.disk, metadata: first.metadata });
    await now(node, node.resumed);
    const { highWatermark: end, from } = await readFrom(node, 2);
    expect(end).toBeGreaterThan(2);
    expect(from).toBe(end);
    expect(await readFrom(node, 0)).toMatchObject({ from: 0, highWatermark: end });
    await append(node, records("c"));
    const behind = await readFrom(node, 2);
    expect(behind).toMatchObject({ from: 2, highWatermark: end + 1 });
    expect(values(behind)).toEqual(["c"]);
    const tight = { topic: "t", partition: 0, from: end, bytesMax: 0 };
    const [stays] = await now(node, node.broker.read(somebody, [tight], atOnce));
    expect(stays?.from).toBe(end);
  });

  test("requests that wait together share one batch and one commit", async () => {
    const node = await withTopic();
    const before = node.disk.commits;
    const answers = await now(
      node,
      Promise.all(
        ["a", "b", "c"].map((value) => node.broker.append(somebody, records(value, value))),
      ),
    );
    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 4]);
    expect(node.disk.commits - before).toBe(1);
    const { batches } = await readFrom(node, 0);
    expect(batches.flatMap((run) => [...walkBatches(run)])).toHaveLength(1);
  });

  test("a raw batch keeps its bytes but for what the broker stamps", async () => {
    const node = await withTopic();
    await append(node, records("first"));
    const batch = encodeBatch([{ ...record("x"), timestampMs: node.clock.nowMs() }], {
      codec: "gzip",
    });
    const sent = batch.toHex();
    const payload = { type: "batch" as const, bytes: batch };
    const answer = await append(node, { topic: "t", partition: 0, acks: -1, payload });
    expect(answer).toMatchObject({ baseOffset: 1, timestampMs: null });
    const { batches } = await readFrom(node, 1);
    expect(batches).toHaveLength(1);
    expect(batches[0]?.subarray(16).toHex()).toBe(sent.slice(32));
    expect(values(await readFrom(node, 1))).toEqual(["x"]);
  });

  test("acks=0 answers at once, without an offset", async () => {
    const node = await withTopic();
    const answer = await node.broker.append(somebody, { ...records("a"), acks: 0 });
    expect(answer.baseOffset).toBe(-1);
    await node.clock.settle();
    expect(values(await readFrom(node, 0))).toEqual(["a"]);
  });

  test("expect refuses all but the next offset, one by one within a turn", async () => {
    const node = await withTopic();
    const expecting = (value: string) => ({ ...records(value), expectOffset: 0 });
    const [first, second] = await now(
      node,
      Promise.allSettled(["a", "b"].map((value) => node.broker.append(somebody, expecting(value)))),
    );
    expect(first?.status).toBe("fulfilled");
    expect(second).toMatchObject({ reason: { code: "offset_mismatch", facts: { actual: 1 } } });
  });

  test.each([
    ["a topic that is not there", { topic: "none" }, "unknown_topic_or_partition"],
    ["a partition that is not there", { partition: 7 }, "unknown_topic_or_partition"],
    ["no records", { payload: { type: "records", records: [] } }, "invalid_request"],
    ["a torn batch", { payload: { type: "batch", bytes: new Uint8Array(70) } }, "corrupt_message"],
    [
      "a record from the far future",
      { payload: { type: "records", records: [record("v", null, 9e12)] } },
      "invalid_timestamp",
    ],
    [
      "a record that is too large",
      { payload: { type: "records", records: [record("v".repeat(1_100_000))] } },
      "message_too_large",
    ],
    ["an internal topic", { topic: "__consumer_offsets" }, "topic_authorization_failed"],
  ] as [string, Partial<AppendRequest>, string][])("refuses %s", async (_what, change, code) => {
    const node = await withTopic();
    const refusal = await refusalOf(append(node, { ...records("a"), ...change }));
    expect(refusal.code).toBe(code as Refusal["code"]);
    expect((await readFrom(node, 0)).highWatermark).toBe(0);
  });
});

describe("topic configs", () => {
  test("a compacted topic takes no record without a key", async () => {
    const node = await withTopic({ "cleanup.policy": "compact" });
    expect((await refusalOf(append(node, records("a")))).code).toBe("invalid_record");
    const raw = encodeBatch([{ ...record("x"), timestampMs: node.clock.nowMs() }]);
    const payload = { type: "batch" as const, bytes: raw };
    const request = { topic: "t", partition: 0, acks: -1 as const, payload };
    expect((await refusalOf(append(node, request))).code).toBe("invalid_record");
  });

  test("log append time overrules the record's own", async () => {
    const node = await withTopic({ "message.timestamp.type": "LogAppendTime" });
    const nowMs = node.clock.nowMs();
    const payload = { type: "records" as const, records: [record("a", null, 5)] };
    const answer = await append(node, { ...records(), payload });
    expect(answer.timestampMs).toBe(nowMs);
    const raw = encodeBatch([{ ...record("x"), timestampMs: 7 }]);
    await append(node, { ...records(), payload: { type: "batch", bytes: raw } });
    const { batches } = await readFrom(node, 0);
    const times = batches.flatMap((run) =>
      [...walkBatches(run)].flatMap(({ at }) =>
        [...readRecords(run, at, { decompressedBytesMax: 1e6 })].map((r) => r.timestampMs),
      ),
    );
    expect(times).toEqual([nowMs, nowMs]);
  });

  test("compression.type puts every batch under one codec", async () => {
    const node = await withTopic({ "compression.type": "zstd" });
    await append(node, records("a"));
    const raw = encodeBatch([{ ...record("b"), timestampMs: node.clock.nowMs() }]);
    await append(node, { ...records(), payload: { type: "batch", bytes: raw } });
    const answer = await readFrom(node, 0);
    const codecs = answer.batches.flatMap((run) =>
      [...walkBatches(run)].map(({ header }) => header.codec),
    );
    expect(codecs).toEqual(["zstd", "zstd"]);
    expect(values(answer)).toEqual(["a", "b"]);
  });

  test("min.insync.replicas is asked of acks=all alone", async () => {
    const node = await withTopic({ "min.insync.replicas": "2" });
    expect((await refusalOf(append(node, records("a")))).code).toBe("not_enough_replicas");
    expect(await append(node, { ...records("a"), acks: 1 })).toMatchObject({ baseOffset: 0 });
  });
});

describe("long polls", () => {
  test("wake when enough is there, not before", async () => {
    const node = await withTopic();
    let answered: ReadAnswer[] | null = null;
    const request = { topic: "t", partition: 0, from: 0, bytesMax: 1_000_000 };
    const reading = node.broker.read(somebody, [request], { ...patient, bytesMin: 150 });
    void reading.then((answers) => {
      answered = answers;
    });
    await append(node, records("a"));
    expect(answered).toBeNull();
    await append(node, records("b"));
    await append(node, records("c"));
    expect((await reading)[0]).toMatchObject({ refusal: null });
    expect(values((await reading)[0] as ReadAnswer).length).toBeGreaterThanOrEqual(2);
    expect(node.node.deadlines.size).toBe(0);
  });

  test("end with nothing at the deadline, by the clock", async () => {
    const node = await withTopic();
    const request = { topic: "t", partition: 0, from: 0, bytesMax: 1_000_000 };
    const reading = node.broker.read(somebody, [request], patient);
    const started = node.clock.monotonicMs();
    void reading.then(() => {
      expect(node.clock.monotonicMs() - started).toBeGreaterThanOrEqual(20_000);
    });
    await node.clock.advance(30_000);
    expect((await reading)[0]?.batches).toEqual([]);
  });

  test("end when the client leaves, and when the topic goes", async () => {
    const node = await withTopic();
    const request = { topic: "t", partition: 0, from: 0, bytesMax: 1_000_000 };
    const leaving = new AbortController();
    const left = node.broker.read(somebody, [request], { ...patient, signal: leaving.signal });
    const stayed = node.broker.read(somebody, [request], patient);
    await node.clock.settle();
    leaving.abort();
    expect((await left)[0]?.batches).toEqual([]);
    await now(node, node.broker.deleteTopic(somebody, "t"));
    expect((await stayed)[0]?.refusal?.code).toBe("unknown_topic_or_partition");
  });
});

describe("offsets", () => {
  async function timed(): Promise<TestNode> {
    const node = await withTopic();
    const base = node.clock.nowMs();
    for (const times of [[10, 30], [20, 25], [40]]) {
      const payload = {
        type: "records" as const,
        records: times.map((time) => record(`v${time}`, null, base + time)),
      };
      await append(node, { ...records(), payload });
    }
    return node;
  }

  test.each([
    [0, 0, 10],
    [11, 1, 30],
    [30, 1, 30],
    [31, 4, 40],
    [41, -1, -1],
  ])("the first record no older than +%d is at %d", async (time, offset, found) => {
    const node = await timed();
    const base = node.clock.nowMs();
    const spec = { at: "timestamp" as const, timestampMs: base + time };
    const answer = await now(node, node.broker.findOffset(somebody, "t", 0, spec));
    expect(answer.offset).toBe(offset);
    expect(answer.timestampMs).toBe(found < 0 ? -1 : base + found);
  });

  test("earliest, latest, newest, and below a moved log start", async () => {
    const node = await timed();
    const find = (spec: Parameters<typeof node.broker.findOffset>[3]) =>
      now(node, node.broker.findOffset(somebody, "t", 0, spec));
    expect((await find({ at: "latest", isolation: "read_committed" })).offset).toBe(5);
    expect((await find({ at: "max_timestamp" })).offset).toBe(4);
    expect(await now(node, node.broker.deleteRecords(somebody, "t", 0, 2))).toBe(2);
    expect((await find({ at: "earliest" })).offset).toBe(2);
    const spec = { at: "timestamp" as const, timestampMs: node.clock.nowMs() + 22 };
    expect((await find(spec)).offset).toBe(3);
  });

  test("the log may start in the middle of a batch of that time", async () => {
    const node = await withTopic();
    const base = node.clock.nowMs();
    const records = [1, 2, 3].map((at) => ({
      key: null,
      value: new Uint8Array(1),
      headers: [],
      timestampMs: base + at,
    }));
    const payload = { type: "records" as const, records };
    await now(node, node.broker.append(somebody, { topic: "t", partition: 0, acks: -1, payload }));
    await now(node, node.broker.deleteRecords(somebody, "t", 0, 1));
    const spec = { at: "timestamp" as const, timestampMs: base };
    const answer = await now(node, node.broker.findOffset(somebody, "t", 0, spec));
    expect([answer.offset, answer.timestampMs]).toEqual([1, base + 2]);
  });

  test("deleted records are refused by name, and those past the end", async () => {
    const node = await timed();
    expect(await now(node, node.broker.deleteRecords(somebody, "t", 0, -1))).toBe(5);
    expect((await readFrom(node, 4)).refusal).toMatchObject({
      code: "offset_trimmed",
      facts: { earliest: 5 },
    });
    expect((await readFrom(node, 6)).refusal).toMatchObject({
      code: "offset_out_of_range",
      facts: { latest: 5 },
    });
    const tooFar = now(node, node.broker.deleteRecords(somebody, "t", 0, 6));
    expect((await refusalOf(tooFar)).code).toBe("offset_out_of_range");
  });
});
