/**
 * Making a batch out of records: sizes first, then one buffer of exactly that size, written once.
 *
 * A buffer never comes from a pool, so its owner may transfer it to a Worker. A compressed batch costs one more copy.
 */
import { assert, present } from "../lib/assert.ts";
import type { NewRecord, RecordHeader } from "./record.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_FROM,
  attribute,
  field,
  stampCrc,
  viewOf,
  writeInt,
  writeLong,
  writeShort,
} from "./batch.ts";
import { type Codec, codecNames, compress } from "./compression.ts";
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from "./varint.ts";

export interface EncodeOptions {
  readonly codec?: Codec;
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  readonly timestampType?: "create" | "append";
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly producerId?: bigint;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
}

const utf8 = new TextEncoder();
const OFFSET_DELTA_MAX = 0x7fffffff;

/**
 * One batch of at least one record, whose timestamps have been resolved, with offsets that follow each other from
 * `baseOffset`. Without options: uncompressed, create time, offset 0, no producer. Limits are the caller's (`recordBytesMax`).
 */
export function encodeBatch(
  records: readonly NewRecord[],
  options: EncodeOptions = {},
): Uint8Array {
  assert(records.length > 0, "a batch has a record");
  const base = timestampOf(records[0]);
  const bodySizes = new Int32Array(records.length);
  let recordsBytes = 0;
  let maxTimestamp = -1;
  let index = 0;
  for (const record of records) {
    const timestamp = timestampOf(record);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    const body = bodyBytes(record, timestamp - base, index);
    bodySizes[index++] = body;
    recordsBytes += varintBytes(body) + body;
  }
  const codec = options.codec ?? "none";
  const from = codec === "none" ? BATCH_HEADER_BYTES : 0;
  const plain = new Uint8Array(from + recordsBytes);
  let at = from;
  index = 0;
  for (const record of records) {
    at = writeRecord(plain, at, record, index, base, bodySizes[index] ?? 0);
    index += 1;
  }
  assert(at === plain.length, "records are as large as their sizes say");
  const batch = codec === "none" ? plain : withHeaderSpace(compress(codec, plain));
  const count = records.length;
  writeHeader(batch, options, { codec, base, maxTimestamp, count, lastOffsetDelta: count - 1 });
  return batch;
}

/**
 * A batch without a record that covers the offsets from `first` to `last`, such as compaction leaves: who reads it goes on
 * behind it. Where one batch cannot cover them all, it covers as many as it can.
 */
export function encodeEmptyBatch(first: number, last: number, leaderEpoch: number): Uint8Array {
  assert(last >= first, "a batch covers an offset");
  const batch = new Uint8Array(BATCH_HEADER_BYTES);
  const lastOffsetDelta = Math.min(last - first, OFFSET_DELTA_MAX);
  const facts = { codec: "none", base: -1, maxTimestamp: -1, count: 0, lastOffsetDelta } as const;
  writeHeader(batch, { baseOffset: first, leaderEpoch }, facts);
  return batch;
}

/** No less than what a record takes in an uncompressed batch, whatever its place and the batch's base timestamp. */
export function recordBytesMax(record: NewRecord): number {
  const keyBytes = record.key?.length ?? 0;
  const valueBytes = record.value?.length ?? 0;
  // Length 5, attributes 1, timestamp delta 10, offset delta 5, three lengths or counts of 5.
  return 36 + keyBytes + valueBytes + headersBytes(record.headers);
}

function withHeaderSpace(compressed: Uint8Array): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + compressed.length);
  batch.set(compressed, BATCH_HEADER_BYTES);
  return batch;
}

function timestampOf(record: NewRecord | undefined): number {
  return present(record?.timestampMs, "timestamps are resolved before a batch is made");
}

function bodyBytes(record: NewRecord, timestampDelta: number, index: number): number {
  return (
    1 +
    varlongBytes(timestampDelta) +
    varintBytes(index) +
    dataBytes(record.key) +
    dataBytes(record.value) +
    varintBytes(record.headers.length) +
    (record.headers.length === 0 ? 0 : headersBytes(record.headers))
  );
}

function dataBytes(data: Uint8Array | null): number {
  return data === null ? 1 : varintBytes(data.length) + data.length;
}

function headersBytes(headers: readonly RecordHeader[]): number {
  let bytes = 0;
  for (const header of headers) {
    const nameBytes = Buffer.byteLength(header.name);
    bytes += varintBytes(nameBytes) + nameBytes + dataBytes(header.value);
  }
  return bytes;
}

function writeRecord(
  target: Uint8Array,
  start: number,
  record: NewRecord,
  index: number,
  baseTimestamp: number,
  body: number,
): number {
  let at = writeVarint(target, start, body);
  at += 1; // Attributes: all unused, zero.
  at = writeVarlong(target, at, timestampOf(record) - baseTimestamp);
  at = writeVarint(target, at, index);
  at = writeData(target, at, record.key);
  at = writeData(target, at, record.value);
  at = writeVarint(target, at, record.headers.length);
  for (const header of record.headers) {
    at = writeVarint(target, at, Buffer.byteLength(header.name));
    at += utf8.encodeInto(header.name, target.subarray(at)).written;
    at = writeData(target, at, header.value);
  }
  return at;
}

function writeData(target: Uint8Array, at: number, data: Uint8Array | null): number {
  if (data === null) return writeVarint(target, at, -1);
  const from = writeVarint(target, at, data.length);
  target.set(data, from);
  return from + data.length;
}

interface HeaderFacts {
  readonly codec: Codec;
  readonly base: number;
  readonly maxTimestamp: number;
  readonly count: number;
  readonly lastOffsetDelta: number;
}

function writeHeader(batch: Uint8Array, options: EncodeOptions, facts: HeaderFacts): void {
  const attributes =
    codecNames.indexOf(facts.codec) |
    (options.timestampType === "append" ? attribute.appendTime : 0) |
    (options.transactional ? attribute.transactional : 0) |
    (options.control ? attribute.control : 0);
  writeLong(batch, field.baseOffset, options.baseOffset ?? 0);
  writeInt(batch, field.batchLength, batch.length - BATCH_LENGTH_FROM);
  writeInt(batch, field.leaderEpoch, options.leaderEpoch ?? -1);
  batch[field.magic] = 2;
  writeShort(batch, field.attributes, attributes);
  writeInt(batch, field.lastOffsetDelta, facts.lastOffsetDelta);
  writeLong(batch, field.baseTimestamp, facts.base);
  writeLong(batch, field.maxTimestamp, facts.maxTimestamp);
  const producerId = options.producerId ?? -1n;
  if (producerId === -1n) writeLong(batch, field.producerId, -1);
  else viewOf(batch).setBigInt64(field.producerId, producerId);
  writeShort(batch, field.producerEpoch, options.producerEpoch ?? -1);
  writeInt(batch, field.baseSequence, options.baseSequence ?? -1);
  writeInt(batch, field.count, facts.count);
  stampCrc(batch, 0, batch.length);
}
