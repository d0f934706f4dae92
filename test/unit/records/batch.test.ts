/** Making, stamping, walking and cutting batches; every codec round-trips at every size. */
import { expect, test } from "bun:test";
import { checkBatch } from "../../../src/records/batch-check.ts";
import { encodeBatch, recordBytesMax } from "../../../src/records/batch-encode.ts";
import {
  batchesBefore,
  batchesFrom,
  batchesWithin,
  readRecords,
} from "../../../src/records/batch-read.ts";
import { findTimestamp } from "../../../src/records/batch-seek.ts";
import {
  readBatchHeader,
  stampAppendTime,
  stampBatch,
  walkBatches,
} from "../../../src/records/batch.ts";
import { codecNames } from "../../../src/records/compression.ts";
import type { NewRecord } from "../../../src/records/record.ts";

const limits = { bytesMax: 1 << 20, decompressedBytesMax: 1 << 20 };
const text = (value: string) => new TextEncoder().encode(value);

function record(value: string, timestampMs = 1_700_000_000_000): NewRecord {
  return { key: text("k"), value: text(value), headers: [], timestampMs };
}

const varied: readonly NewRecord[] = [
  { key: null, value: null, headers: [], timestampMs: 1_700_000_000_000 },
  { key: text(""), value: text(""), headers: [], timestampMs: 1_699_999_000_000 },
  {
    key: text("ключ"),
    value: text("v".repeat(1000)),
    headers: [
      { name: "\u{feff}naïve", value: text("x") },
      { name: "", value: null },
    ],
    timestampMs: 1_800_000_000_000,
  },
];

for (const codec of codecNames)
  test(`a ${codec} batch gives its records back`, () => {
    const batch = encodeBatch(varied, { codec, baseOffset: 7, leaderEpoch: 3 });
    const header = checkBatch(batch, limits);
    expect(header).toMatchObject({ codec, baseOffset: 7, leaderEpoch: 3, count: 3 });
    expect(header).toMatchObject({ maxTimestamp: 1_800_000_000_000, producerId: -1n });
    const records: unknown[] = [...readRecords(batch, 0, limits)];
    expect(records).toEqual(varied.map((record, index) => ({ ...record, offset: 7 + index })));
  });

test("stamps change offset, epoch and time, and the batch stays whole", () => {
  const batch = encodeBatch([record("a", 5), record("b", 9)]);
  stampBatch(batch, 0, { baseOffset: 2 ** 40 + 1, leaderEpoch: 12 });
  expect(checkBatch(batch, limits)).toMatchObject({ baseOffset: 2 ** 40 + 1, leaderEpoch: 12 });
  stampAppendTime(batch, 0, 77);
  expect(readBatchHeader(batch)).toMatchObject({ timestampType: "append", maxTimestamp: 77 });
  expect([...readRecords(batch, 0, limits)].map((each) => each.timestampMs)).toEqual([77, 77]);
  expect(checkBatch(batch, limits).timestampType).toBe("create");
});

const run = Buffer.concat([
  encodeBatch([record("a", 10), record("b", 30)], { baseOffset: 0 }),
  encodeBatch([record("c", 20)], { baseOffset: 5 }),
  encodeBatch([record("d", 40), record("e", 50)], { baseOffset: 6, codec: "gzip" }),
]);
const places = [...walkBatches(run)].map(({ at }) => at);

test("a run of batches is walked and cut at their boundaries", () => {
  const [first = -1, second = -1, third = -1] = places;
  expect(first).toBe(0);
  const cuts: readonly [offset: number, at: number][] = [
    [0, first],
    [1, first],
    [2, second],
    [5, second],
    [6, third],
    [7, third],
    [8, run.length],
  ];
  for (const [offset, at] of cuts) {
    expect(batchesFrom(run, offset).length, `from ${offset}`).toBe(run.length - at);
    expect(batchesBefore(run, offset).length, `before ${offset}`).toBe(at);
  }
  expect(batchesWithin(run, 0).length).toBe(second);
  expect(batchesWithin(run, third).length).toBe(third);
  expect(batchesWithin(run, run.length - 1).length).toBe(third);
  expect(batchesWithin(run, run.length).length).toBe(run.length);
});

test("the first record at or after a time is found, not before an offset", async () => {
  const [first = -1, second = -1, third = -1] = places;
  const find = (at: number, timestampMs: number, from = 0) =>
    findTimestamp(run, at, { timestampMs, from }, { ...limits, pause: () => undefined });
  expect(await find(first, 0)).toEqual({ offset: 0, timestampMs: 10 });
  expect(await find(first, 0, 1)).toEqual({ offset: 1, timestampMs: 30 });
  expect(await find(first, 11)).toEqual({ offset: 1, timestampMs: 30 });
  expect(await find(second, 21)).toBeNull();
  expect(await find(third, 41)).toEqual({ offset: 7, timestampMs: 50 });
});

test("a record's bound is not below what it takes", () => {
  for (const each of varied) {
    const alone = encodeBatch([each]).length - 61;
    expect(recordBytesMax(each)).toBeGreaterThanOrEqual(alone);
  }
});
