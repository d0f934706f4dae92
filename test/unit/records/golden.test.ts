/** Bytes that other clients made (test/fixtures/records.json) are read, and Java's uncompressed ones are made alike. */
import { expect, test } from "bun:test";
import fixtures from "../../fixtures/records.json" with { type: "json" };
import { checkBatch } from "../../../src/records/batch-check.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { readRecords } from "../../../src/records/batch-read.ts";
import { readBatchHeader } from "../../../src/records/batch.ts";
import { samples } from "../../peers/record-samples.ts";

const limits = { bytesMax: 1 << 20, decompressedBytesMax: 1 << 20 };

for (const { client, codec, sample, batch } of fixtures) {
  const bytes = new Uint8Array(Buffer.from(batch, "base64"));
  const known = samples.find(({ name }) => name === sample);
  if (!known) continue;
  test(`${client}: ${codec}, ${sample}`, () => {
    const header = checkBatch(bytes, limits);
    expect(header).toMatchObject({ codec, baseOffset: 0, count: known.records.length });
    const records: unknown[] = [...readRecords(bytes, 0, limits)];
    expect(records).toEqual(known.records.map((record, offset) => ({ ...record, offset })));
    if (codec !== "none" || !client.startsWith("kafka-clients")) return;
    const ours = encodeBatch(known.records, { leaderEpoch: 7 });
    expect(Buffer.from(ours).toString("base64")).toBe(batch);
  });
}

function fixture(sample: string): Uint8Array {
  const found = fixtures.find((each) => each.sample === sample);
  return new Uint8Array(Buffer.from(found?.batch ?? "", "base64"));
}

test("Java's abort marker is read, and refused from a client", () => {
  const marker = fixture("marker");
  const producer = { producerId: 4_000_000_000n, producerEpoch: 3 };
  expect(readBatchHeader(marker)).toMatchObject({
    control: true,
    transactional: true,
    ...producer,
  });
  expect([...readRecords(marker, 0, limits)]).toEqual([
    {
      offset: 77,
      timestampMs: 1_700_000_000_000,
      key: new Uint8Array([0, 0, 0, 0]),
      value: new Uint8Array([0, 0, 0, 0, 0, 9]),
      headers: [],
    },
  ]);
  expect(() => checkBatch(marker, limits)).toThrow("Control batches");
});

test("a batch that compaction emptied keeps its offsets and its producer", () => {
  const empty = fixture("empty");
  expect(readBatchHeader(empty)).toMatchObject({ baseOffset: 100, lastOffsetDelta: 9, count: 0 });
  expect([...readRecords(empty, 0, limits)]).toEqual([]);
});
