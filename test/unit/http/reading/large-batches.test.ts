/**
 * Batches that hold much, read over HTTP: others get their turn meanwhile, and what comes is the same.
 */
import { expect, test } from "bun:test";
import { BatchOpener } from "../../../../src/http/reading/batch-opener.ts";
import { LongText } from "../../../../src/http/answers/long-text.ts";
import { pageOf } from "../../../../src/http/reading/page.ts";
import { listed, RecordsText } from "../../../../src/http/reading/records-text.ts";
import { EncodedBatches } from "../../../../src/http/tail/encoded.ts";
import { encodeBatch } from "../../../../src/records/batch-encode.ts";
import { readBatchHeader } from "../../../../src/records/batch.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const RECORDS = 20_000;

/** 2.4 MB in some 30 kB. */
function large(): Uint8Array {
  const value = new Uint8Array(120).fill(120);
  const records = Array.from({ length: RECORDS }, () => ({
    key: null,
    value,
    headers: [],
    timestampMs: 1,
  }));
  return encodeBatch(records, { codec: "lz4" });
}

/** Counts the turns until the work is done. */
async function turnsOf<T>(clock: VirtualClock, work: Promise<T> | T): Promise<[T, number]> {
  const turn = clock.turn.bind(clock);
  let turns = 0;
  clock.turn = () => {
    turns += 1;
    return turn();
  };
  await clock.settle();
  clock.turn = turn;
  return [await work, turns];
}

function answerOf(batches: readonly Uint8Array[]) {
  return {
    topic: "t",
    topicId: "i",
    partition: 0,
    batches,
    position: 0,
    from: 0,
    aborted: [],
    refusal: null,
    throttleMs: 0,
    logStart: 0,
    highWatermark: RECORDS,
    lastStable: RECORDS,
    epoch: 0,
  };
}

test("a page out of it is made with turns for others in between", async () => {
  const clock = new VirtualClock();
  const opener = new BatchOpener(clock, 1e8);
  const terms = {
    recordsMax: 1e9,
    bytesMax: 1e8,
    isolation: "read_committed" as const,
    form: "auto" as const,
    opener,
  };
  const records = () => new RecordsText(new LongText(), listed);
  const clocked = pageOf(answerOf([large()]), 5, Number.MAX_SAFE_INTEGER, terms, records());
  const [page, turns] = await turnsOf(clock, clocked);
  expect(page.records).toBe(RECORDS - 5);
  expect(page.next).toBe(RECORDS);
  expect(turns).toBeGreaterThan(3);
  const few = pageOf(answerOf([large()]), 0, 7, { ...terms, recordsMax: 100 }, records());
  expect((await turnsOf(clock, few))[0]).toMatchObject({ next: 7 });
});

test("tails share its texts, made once, with turns for others in between", async () => {
  const clock = new VirtualClock();
  const encoded = new EncodedBatches(new BatchOpener(clock, 1e8), 1e9);
  const bytes = large();
  const batch = { bytes, at: 0, header: readBatchHeader(bytes) };
  const place = { topic: "t", topicId: "i", partition: 0 };
  const first = encoded.records(place, batch, "auto", true);
  const second = encoded.records(place, batch, "auto", true);
  expect(first).toBeInstanceOf(Promise);
  const [records, turns] = await turnsOf(clock, first);
  expect(records).toHaveLength(RECORDS);
  expect(turns).toBeGreaterThan(3);
  expect(await second).toBe(records);
  expect(encoded.records(place, batch, "auto", true)).toBe(records);
});

test("one that is damaged is refused, also for those who wait with the first", async () => {
  const clock = new VirtualClock();
  const encoded = new EncodedBatches(new BatchOpener(clock, 2_000_000), 1e9);
  const bytes = large();
  const batch = { bytes, at: 0, header: readBatchHeader(bytes) };
  const place = { topic: "t", topicId: "i", partition: 0 };
  const both = [1, 2].map(async () => encoded.records(place, batch, "auto", true));
  const outcomes = Promise.allSettled(both);
  await clock.settle();
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
