/**
 * Batches that hold much: they are opened with turns for others in between, and all that comes behind them keeps its place.
 */
import { describe, expect, test } from "bun:test";
import type { AppendAnswer } from "../../../../src/broker/verbs.ts";
import {
  compressBeside,
  type Codec,
  decompressBeside,
} from "../../../../src/records/compression.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { readRecords } from "../../../../src/records/batch-read.ts";
import { walkBatches } from "../../../../src/records/batch.ts";
import type { NewRecord } from "../../../../src/records/record.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

const RECORDS = 30_000;
const VALUE_BYTES = 100;

/** 3 MB of records in some 30 kB. */
function large(codec: Codec, change: Partial<NewRecord> = {}, producer = {}): Uint8Array {
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  const key = new Uint8Array(1);
  const record = { key, value, headers: [], timestampMs: 1_700_000_000_000 };
  const records: NewRecord[] = Array.from({ length: RECORDS }, () => record);
  records[RECORDS - 1] = { ...record, ...change };
  return encodeBatch(records, { codec, ...producer });
}

function small(producer = {}): Uint8Array {
  const value = new Uint8Array([1]);
  const timestampMs = 1_700_000_000_000;
  return encodeBatch([{ key: value, value, headers: [], timestampMs }], producer);
}

async function withTopics(configs: Record<string, string> = {}): Promise<TestNode> {
  const node = await openTestNode();
  for (const name of ["t", "other"]) {
    const topic = {
      name,
      partitions: 1,
      replicationFactor: 1,
      configs: { "max.message.bytes": "4000000", ...configs },
    };
    const created = node.broker.createTopic(somebody, topic);
    await node.clock.settle();
    await created;
  }
  return node;
}

function append(node: TestNode, bytes: Uint8Array, topic = "t"): Promise<AppendAnswer> {
  const payload = { type: "batch" as const, bytes };
  return node.broker.append(somebody, { topic, partition: 0, acks: -1, payload });
}

async function readAll(node: TestNode) {
  const request = { topic: "t", partition: 0, from: 0, bytesMax: 10_000_000 };
  const options = {
    bytesMin: 1,
    bytesMax: 10_000_000,
    waitMs: 0,
    isolation: "read_committed" as const,
  };
  const [answer] = await done(node, node.broker.read(somebody, [request], options));
  if (!answer) throw new Error("one answer a request");
  return answer;
}

/** Settles the clock as long as threads of the codecs may be at work. */
async function done<T>(node: TestNode, work: Promise<T>): Promise<T> {
  const over = { yet: false };
  const finished = work.finally(() => (over.yet = true));
  finished.catch(() => {});
  while (!over.yet) await node.clock.settle();
  return finished;
}

describe.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)("%s", (codec) => {
  test("a batch that holds much waits for later turns; who comes behind it keeps its place", async () => {
    const node = await withTopics();
    const order: string[] = [];
    const told = async (name: string, answer: Promise<AppendAnswer>) => {
      const { baseOffset } = await answer;
      order.push(`${name} ${baseOffset}`);
    };
    const all = [
      told("large", append(node, large(codec))),
      told("behind", append(node, small())),
      told("other", append(node, small(), "other")),
    ];
    await done(node, Promise.all(all));
    expect(order).toEqual(["other 0", "large 0", `behind ${RECORDS}`]);
    const { batches } = await readAll(node);
    let count = 0;
    for (const run of batches)
      for (const { at } of walkBatches(run))
        for (const { offset } of readRecords(run, at, { decompressedBytesMax: 1e8 }))
          expect(offset).toBe(count++);
    expect(count).toBe(RECORDS + 1);
  });

  test("one that is wrong is refused, and only it", async () => {
    const node = await withTopics();
    const bytes = large(codec, { timestampMs: -5 });
    const refused = append(node, bytes);
    refused.catch(() => {});
    const behind = append(node, small());
    expect(done(node, refused)).rejects.toMatchObject({ code: "invalid_timestamp" });
    expect((await done(node, behind)).baseOffset).toBe(0);
  });

  test("an idempotent producer's batches keep their order around it", async () => {
    const node = await withTopics();
    const producer = (baseSequence: number) => ({ producerId: 7n, producerEpoch: 0, baseSequence });
    const answers = [
      append(node, large(codec, {}, producer(0))),
      append(node, small(producer(RECORDS))),
      append(node, large(codec, {}, producer(0))),
    ];
    const [first, second, again] = await done(node, Promise.all(answers));
    expect([first?.baseOffset, second?.baseOffset, again?.baseOffset]).toEqual([0, RECORDS, 0]);
    expect(again?.duplicate).toBe(true);
  });

  test("the topic's codec and its time take their place", async () => {
    const wanted = codec === "gzip" ? "lz4" : "gzip";
    const node = await withTopics({
      "compression.type": wanted,
      "message.timestamp.type": "LogAppendTime",
    });
    await done(node, append(node, large(codec)));
    const { batches } = await readAll(node);
    const run = batches[0] ?? new Uint8Array();
    const [batch] = [...walkBatches(run)];
    expect(batch?.header).toMatchObject({ codec: wanted, timestampType: "append", count: RECORDS });
    expect([...readRecords(run, 0, { decompressedBytesMax: 1e8 })]).toHaveLength(RECORDS);
  });

  test("packed and opened beside the event loop it is what it was, within its bound", async () => {
    let paused = 0;
    const pause = (): undefined => void (paused += 1);
    const plain = new Uint8Array(3_000_000).map((_, at) => (at * 7) % 251);
    const packed = await compressBeside(codec, plain, pause);
    expect(Buffer.compare(await decompressBeside(codec, packed, 3_000_000, pause), plain)).toBe(0);
    if (codec === "snappy" || codec === "lz4") expect(paused).toBeGreaterThan(50);
    const less = decompressBeside(codec, packed, 2_999_999, pause);
    expect(less).rejects.toMatchObject({ code: "message_too_large" });
    if (codec === "none") return;
    const cut = decompressBeside(codec, packed.subarray(0, -9), 3_000_000, pause);
    expect(cut).rejects.toMatchObject({ code: "corrupt_message" });
  });
});

test("many batches in one turn are opened in later ones once they are too much together", async () => {
  const node = await withTopics();
  const value = new Uint8Array(900_000);
  const record = { key: null, value, headers: [], timestampMs: 1_700_000_000_000 };
  const bytes = Array.from({ length: 40 }, () => encodeBatch([record], { codec: "gzip" }));
  const { opening } = node.node;
  const beside = { count: 0 };
  const later = opening.later.bind(opening);
  opening.later = (...batch) => {
    beside.count += 1;
    return later(...batch);
  };
  const answers = await done(node, Promise.all(bytes.map((each) => append(node, each))));
  expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(bytes.map((_, at) => at));
  expect(beside.count).toBeGreaterThan(20);
  expect(beside.count).toBeLessThan(40);
  // A turn later there is room again.
  await node.clock.settle();
  const before = beside.count;
  await done(node, append(node, encodeBatch([record], { codec: "gzip" })));
  expect(beside.count).toBe(before);
});

test("records of a large request are compressed beside the event loop", async () => {
  const node = await withTopics({ "compression.type": "gzip" });
  const value = new Uint8Array(200_000);
  const records = Array.from({ length: 12 }, () => ({
    key: null,
    value,
    headers: [],
    timestampMs: null,
  }));
  const payload = { type: "records" as const, records };
  const ask = { topic: "t", partition: 0, acks: -1 as const, payload };
  const answer = await done(node, node.broker.append(somebody, ask));
  expect(answer).toMatchObject({ baseOffset: 0, count: 12 });
  const { batches } = await readAll(node);
  const headers = batches.flatMap((run) => [...walkBatches(run)].map((one) => one.header));
  expect(headers.map(({ codec }) => codec)).toEqual(["gzip", "gzip", "gzip"]);
  expect(headers.map(({ baseOffset }) => baseOffset)).toEqual([0, 5, 10]);
});

test("the records that break a rule are named", async () => {
  const node = await withTopics({
    "cleanup.policy": "compact",
    "message.timestamp.before.max.ms": "1000",
  });
  const nowMs = node.clock.nowMs();
  const batch = (...wanted: readonly (readonly [keyed: boolean, ageMs: number])[]) =>
    encodeBatch(
      wanted.map(([keyed, ageMs]) => ({
        key: keyed ? new Uint8Array(1) : null,
        value: null,
        headers: [],
        timestampMs: nowMs - ageMs,
      })),
    );
  const refusal = async (bytes: Uint8Array) => {
    const failed = await done(node, append(node, bytes)).catch((error: unknown) => error);
    const { code, records } = failed as { code: string; records: { index: number }[] };
    return [code, records.map(({ index }) => index)];
  };
  expect(await refusal(batch([true, 0], [false, 0], [true, 0], [false, 0]))).toEqual([
    "invalid_record",
    [1, 3],
  ]);
  expect(await refusal(batch([true, 0], [false, 0], [true, 2_000]))).toEqual([
    "invalid_timestamp",
    [1, 2],
  ]);
  expect(await refusal(large("gzip", { key: null }))).toEqual(["invalid_record", [RECORDS - 1]]);
});
