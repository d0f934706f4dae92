/** What a client's batch is refused for, each by its name, and what is put right instead. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Refusal } from "../../../src/lib/refusal.ts";
import { checkBatch } from "../../../src/records/batch-check.ts";
import { type EncodeOptions, encodeBatch } from "../../../src/records/batch-encode.ts";
import { batchesFrom, batchesWithin, readRecords } from "../../../src/records/batch-read.ts";
import {
  BATCH_HEADER_BYTES,
  field,
  readBatchHeader,
  stampCrc,
  viewOf,
  walkBatches,
} from "../../../src/records/batch.ts";
import { codecNames } from "../../../src/records/compression.ts";
import type { NewRecord } from "../../../src/records/record.ts";
import { runMutants } from "../../fuzz/records-mutants.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

const limits = { bytesMax: 10_000, decompressedBytesMax: 10_000 };
const start = 1_700_000_000_000;

const records: readonly NewRecord[] = [0, 1, 2].map((index) => ({
  key: new Uint8Array([1, 2]),
  value: new Uint8Array(20).fill(index),
  headers: [{ name: "h", value: new Uint8Array([3]) }],
  timestampMs: start + index,
}));

/** A good batch after `change`, its CRC right again. */
function changed(change: (view: DataView) => void, options: EncodeOptions = {}): Uint8Array {
  const bytes = encodeBatch(records, options);
  change(viewOf(bytes));
  stampCrc(bytes, 0, bytes.length);
  return bytes;
}

/** The batch of one record that has these bytes behind its length. */
function withRecord(hex: string, length = hex.length / 2): Uint8Array {
  const body = Buffer.from(hex, "hex");
  const bytes = new Uint8Array(BATCH_HEADER_BYTES + 1 + body.length);
  bytes.set(encodeBatch(records.slice(0, 1)).subarray(0, BATCH_HEADER_BYTES));
  bytes[BATCH_HEADER_BYTES] = length * 2;
  bytes.set(body, BATCH_HEADER_BYTES + 1);
  viewOf(bytes).setInt32(field.batchLength, bytes.length - 12);
  stampCrc(bytes, 0, bytes.length);
  return bytes;
}

const producer = { producerId: 1n, producerEpoch: 0, baseSequence: 0 };

// A record's bytes: attributes, timestamp delta, offset delta, key, value, headers.
const refused: readonly [what: string, bytes: Uint8Array, refusal: string][] = [
  ["nothing", new Uint8Array(0), "corrupt_message"],
  ["half a header", encodeBatch(records).subarray(0, 60), "corrupt_message"],
  ["a cut batch", encodeBatch(records).subarray(0, -1), "corrupt_message"],
  ["two batches", Buffer.concat([encodeBatch(records), encodeBatch(records)]), "invalid_record"],
  ["more than the limit", new Uint8Array(10_001), "message_too_large"],
  ["magic 1", changed((view) => view.setInt8(field.magic, 1)), "corrupt_message"],
  ["a negative length", changed((view) => view.setInt32(field.batchLength, -1)), "corrupt_message"],
  [
    "a huge length",
    changed((view) => view.setInt32(field.batchLength, 2 ** 31 - 1)),
    "corrupt_message",
  ],
  ["compression 5", changed((view) => view.setInt16(field.attributes, 5)), "unknown_server_error"],
  ["a control batch", encodeBatch(records, { control: true, ...producer }), "invalid_record"],
  ["a transaction of nobody", encodeBatch(records, { transactional: true }), "invalid_record"],
  [
    "a producer without a sequence",
    encodeBatch(records, { ...producer, baseSequence: -1 }),
    "invalid_record",
  ],
  ["no records", changed((view) => view.setInt32(field.count, 0)), "invalid_record"],
  ["a negative count", changed((view) => view.setInt32(field.count, -1)), "corrupt_message"],
  ["a count above the delta", changed((view) => view.setInt32(field.count, 4)), "invalid_record"],
  [
    "offsets that jump",
    changed((view) => view.setInt32(field.lastOffsetDelta, 5)),
    "invalid_record",
  ],
  [
    "fewer records than said",
    changed((view) => {
      view.setInt32(field.count, 9);
      view.setInt32(field.lastOffsetDelta, 8);
    }),
    "corrupt_message",
  ],
  [
    "more records than said",
    changed((view) => {
      view.setInt32(field.count, 2);
      view.setInt32(field.lastOffsetDelta, 1);
    }),
    "corrupt_message",
  ],
  [
    "a negative base offset",
    changed((view) => view.setBigInt64(field.baseOffset, BigInt(-1))),
    "corrupt_message",
  ],
  [
    "a time beyond 2^53",
    changed((view) => view.setInt32(field.baseTimestamp, 2 ** 30)),
    "invalid_timestamp",
  ],
  [
    "a greatest time beyond 2^53",
    changed((view) => view.setInt32(field.maxTimestamp, -(2 ** 31))),
    "invalid_timestamp",
  ],
  ["a record's time beyond 2^53", withRecord("00ffffffffffffffff7f00010100"), "invalid_timestamp"],
  [
    "a time before -1",
    changed((view) => view.setBigInt64(field.baseTimestamp, BigInt(-5000))),
    "invalid_timestamp",
  ],
  ["a record at another offset", withRecord("000002010100"), "invalid_record"],
  ["a record that ends early", withRecord("00000001010000"), "corrupt_message"],
  ["a record that runs over", withRecord("000000010100", 5), "corrupt_message"],
  ["a record longer than the batch", withRecord("000000010100", 40), "corrupt_message"],
  ["a key longer than its record", withRecord("0000000a01010100"), "corrupt_message"],
  ["a key of -2", withRecord("000000030100"), "corrupt_message"],
  ["a value of 2^31", withRecord("00000001feffffff0f00"), "corrupt_message"],
  ["2^30 headers", withRecord("000000010180808080080000"), "corrupt_message"],
  ["-1 headers", withRecord("000000010101"), "corrupt_message"],
  ["a header without a name", withRecord("00000001010201 01".replace(" ", "")), "corrupt_message"],
];

for (const [what, bytes, refusal] of refused)
  test(`${what} is refused as ${refusal}`, () => {
    let found: unknown;
    try {
      checkBatch(bytes, limits);
    } catch (error) {
      found = error;
    }
    expect(found).toBeInstanceOf(Refusal);
    expect(found).toMatchObject({ code: refusal });
  });

test("the smallest record passes", () => {
  expect(checkBatch(withRecord("000000010100"), limits).count).toBe(1);
});

test("any changed byte under the CRC is found", () => {
  const good = encodeBatch(records);
  for (let at = field.crc; at < good.length; at++) {
    const bytes = good.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    expect(() => checkBatch(bytes, limits), `byte ${at}`).toThrow("CRC-32C");
  }
});

test("a wrong maximum timestamp is put right, and the CRC with it", () => {
  const bytes = changed((view) => view.setBigInt64(field.maxTimestamp, BigInt(start + 99)));
  expect(checkBatch(bytes, limits).maxTimestamp).toBe(start + 2);
  expect(readBatchHeader(bytes).maxTimestamp).toBe(start + 2);
  expect(checkBatch(bytes, limits).maxTimestamp).toBe(start + 2);
});

test("what only a broker may say is put right: append times, and producer ids below none", () => {
  const bytes = changed((view) => {
    view.setInt16(field.attributes, 8);
    view.setBigInt64(field.producerId, -7n);
  });
  const right = { attributes: 0, timestampType: "create", producerId: -1n };
  expect(checkBatch(bytes, limits)).toMatchObject(right);
  expect(checkBatch(bytes, limits)).toMatchObject(right);
});

test("records without timestamps keep theirs of -1", () => {
  const bare = records.map((record) => ({ ...record, timestampMs: -1 }));
  expect(checkBatch(encodeBatch(bare), limits).maxTimestamp).toBe(-1);
});

for (const codec of codecNames.slice(1))
  test(`a ${codec} batch that expands past the limit is refused`, () => {
    const value = new Uint8Array(1 << 20);
    const bomb = encodeBatch([{ key: null, value, headers: [], timestampMs: 1 }], { codec });
    const wide = { bytesMax: 1 << 20, decompressedBytesMax: 1 << 19 };
    expect(() => checkBatch(bomb, wide)).toThrow("decompresses to more than");
    expect(() => [...readRecords(bomb, 0, wide)]).toThrow("decompresses to more than");
  });

test("readers of a damaged disk get refusals", () => {
  const cut = encodeBatch(records).subarray(0, -1);
  const reads = [
    () => [...walkBatches(cut)],
    () => [...readRecords(cut, 0, limits)],
    () => batchesFrom(cut, 1),
    () => batchesWithin(cut, 1),
  ];
  for (const read of reads) expect(read).toThrow(Refusal);
});

test("damaged batches are refused or consistent (the fuzz suite runs many more)", () => {
  const { refused, passed } = runMutants(77, 1000);
  expect(refused).toBeGreaterThan(200);
  expect(passed).toBeGreaterThan(20);
});
