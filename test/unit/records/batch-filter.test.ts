/**
 * Batches without some of their records: what stays keeps its bytes, offsets and times, and horizons are set as KIP-534 says.
 */
import { describe, expect, test } from "bun:test";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { deleteHorizonOf, filterBatch } from "../../../src/records/batch-filter.ts";
import { visitRecords } from "../../../src/records/batch-visit.ts";
import type { RecordWalk } from "../../../src/records/record-walk.ts";
import { readRecords } from "../../../src/records/batch-read.ts";
import { field, readBatchHeader, viewOf } from "../../../src/records/batch.ts";
import { codecNames } from "../../../src/records/compression.ts";
import { crc32c } from "../../../src/records/crc32c.ts";

const limits = { decompressedBytesMax: 1 << 24 };
const text = (value: string) => new TextEncoder().encode(value);

const records = Array.from({ length: 10 }, (_, index) => ({
  key: text(`k${index}`),
  value: index % 4 === 3 ? null : text("x".repeat(index * 300)),
  headers: index === 2 ? [{ name: "h", value: text("v") }] : [],
  timestampMs: 1_700_000_000_000 + (index % 3) * 100_000_000,
}));

function rules(keep: (offset: number) => boolean, options: { keepEmpty?: boolean } = {}) {
  return {
    keep,
    keepEmpty: options.keepEmpty ?? false,
    horizonMs: 1_700_000_999_999,
    marker: false,
    ...limits,
    pause: () => Promise.resolve(),
  };
}

const encoded = (options: Parameters<typeof encodeBatch>[1] = {}) =>
  encodeBatch(records, {
    baseOffset: 100,
    leaderEpoch: 3,
    producerId: 7n,
    producerEpoch: 1,
    baseSequence: 40,
    ...options,
  });

function bytesOf(filtered: Uint8Array | "same" | "gone"): Uint8Array {
  if (typeof filtered === "string") throw new Error(filtered);
  const view = viewOf(filtered);
  expect(crc32c(filtered.subarray(field.attributes))).toBe(view.getUint32(field.crc));
  return filtered;
}

describe.each(codecNames)("a batch under %s", (codec) => {
  test.each(["create", "append"] as const)(
    "loses records and keeps the others as they were (%s)",
    async (timestampType) => {
      const batch = encoded({ codec, timestampType });
      const header = readBatchHeader(batch);
      const before = [...readRecords(batch, 0, limits)];
      const keep = (offset: number) => [101, 102, 106, 109].includes(offset);
      const after = bytesOf(await filterBatch(batch, 0, header, rules(keep)));
      const got = readBatchHeader(after);
      expect([...readRecords(after, 0, limits)]).toEqual(
        before.filter(({ offset }) => keep(offset)),
      );
      expect(got).toMatchObject({
        baseOffset: 100,
        lastOffsetDelta: 9,
        leaderEpoch: 3,
        producerId: 7n,
        producerEpoch: 1,
        baseSequence: 40,
        count: 4,
        codec,
        timestampType,
        baseTimestamp: header.baseTimestamp,
        maxTimestamp:
          timestampType === "append" ? header.maxTimestamp : (records[2]?.timestampMs ?? 0),
      });
      expect(deleteHorizonOf(got)).toBeNull();
    },
  );

  test("is given a horizon when a tombstone stays, once, and its records keep their times", async () => {
    const batch = encoded({ codec });
    const before = [...readRecords(batch, 0, limits)];
    const all = rules(() => true);
    const after = bytesOf(await filterBatch(batch, 0, readBatchHeader(batch), all));
    const header = readBatchHeader(after);
    expect(deleteHorizonOf(header)).toBe(1_700_000_999_999);
    expect(header.maxTimestamp).toBe(readBatchHeader(batch).maxTimestamp);
    expect([...readRecords(after, 0, limits)]).toEqual(before);
    const later = { ...all, horizonMs: 1_800_000_000_000 };
    expect(await filterBatch(after, 0, header, later)).toBe("same");
    const fewer = { ...later, keep: (offset: number) => offset > 105 };
    const rest = bytesOf(await filterBatch(after, 0, header, fewer));
    expect(deleteHorizonOf(readBatchHeader(rest))).toBe(1_700_000_999_999);
    expect([...readRecords(rest, 0, limits)]).toEqual(before.slice(6));
  });

  test("without any record goes, or stays as a header that goes later", async () => {
    const batch = encoded({ codec });
    const header = readBatchHeader(batch);
    expect(
      await filterBatch(
        batch,
        0,
        header,
        rules(() => false),
      ),
    ).toBe("gone");
    const keepEmpty = rules(() => false, { keepEmpty: true });
    const empty = bytesOf(await filterBatch(batch, 0, header, keepEmpty));
    const got = readBatchHeader(empty);
    expect(got).toMatchObject({
      baseOffset: 100,
      lastOffsetDelta: 9,
      baseSequence: 40,
      count: 0,
      codec: "none",
      sizeBytes: 61,
      maxTimestamp: header.maxTimestamp,
    });
    expect([...readRecords(empty, 0, limits)]).toEqual([]);
    expect(await filterBatch(empty, 0, got, keepEmpty)).toBe("same");
    expect(
      await filterBatch(
        empty,
        0,
        got,
        rules(() => true),
      ),
    ).toBe("gone");
  });

  test("is the same without a loss or a tombstone", async () => {
    const live = records.filter(({ value }) => value !== null);
    const batch = encodeBatch(live, { codec });
    const header = readBatchHeader(batch);
    expect(
      await filterBatch(
        batch,
        0,
        header,
        rules(() => true),
      ),
    ).toBe("same");
  });
});

test("large batches are packed beside the event loop and read alike", async () => {
  for (const codec of ["gzip", "zstd"] as const) {
    const large = Array.from({ length: 3000 }, (_, index) => ({
      key: text(`k${index}`),
      value: crypto.getRandomValues(new Uint8Array(100)),
      headers: [],
      timestampMs: index,
    }));
    const batch = encodeBatch(large, { codec });
    const header = readBatchHeader(batch);
    let pauses = 0;
    const half = {
      ...rules((offset) => offset % 2 === 0),
      pause: async () => void (pauses += 1),
    };
    const after = bytesOf(await filterBatch(batch, 0, header, half));
    expect([...readRecords(after, 0, limits)]).toEqual(
      [...readRecords(batch, 0, limits)].filter(({ offset }) => offset % 2 === 0),
    );
    expect(pauses).toBe(5);
    const seen: number[] = [];
    const visit = (walk: RecordWalk) => seen.push(walk.offsetDelta) < 1000;
    expect(await visitRecords(batch, 0, header, visit, half)).toBe(false);
    expect(seen.length).toBe(1000);
  }
});

test("a batch that is damaged is refused", async () => {
  const batch = encoded({ codec: "gzip" });
  batch.fill(0xff, 80, 120);
  const header = readBatchHeader(batch);
  expect(
    filterBatch(
      batch,
      0,
      header,
      rules(() => true),
    ),
  ).rejects.toMatchObject({
    code: "corrupt_message",
  });
});
