/**
 * The record batch, format v2 (Kafka's DefaultRecordBatch): its header, walking over a run of batches, stamping in place.
 *
 * ```
 * 0 baseOffset i64 | 8 batchLength i32 (of what follows) | 12 leaderEpoch i32 | 16 magic i8 = 2 | 17 crc u32 (of what follows)
 * 21 attributes i16: 0-2 codec, 3 append time, 4 transactional, 5 control, 6 delete horizon | 23 lastOffsetDelta i32
 * 27 baseTimestamp i64 | 35 maxTimestamp i64 | 43 producerId i64 | 51 producerEpoch i16 | 53 baseSequence i32 | 57 count i32
 * 61 records, compressed together when a codec is named
 * ```
 *
 * - Base offset and leader epoch stand outside the CRC, so a broker stamps them without touching the rest.
 * - Here a header is believed only as far as it goes: sizes fit, magic is 2, no field is absurd. The CRC and the records are
 *   `batch-check.ts`'s affair (untrusted clients), encoding and decoding stand in `batch-encode.ts` and `batch-read.ts`.
 * - Left out: formats v0 and v1.
 */
import { type Codec, codecNames } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { corrupt } from "./refusals.ts";

export const BATCH_HEADER_BYTES = 61;

/** Byte positions in a batch that the files of this room share. */
export const field = {
  baseOffset: 0,
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const;

/** Bits of `attributes`. */
export const attribute = {
  codecMask: 0x07,
  appendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const;

/** What `batchLength` does not count: the base offset and itself. */
export const BATCH_LENGTH_FROM = 12;

export interface BatchHeader {
  readonly baseOffset: number;
  /** Of the whole batch, header and all. */
  readonly sizeBytes: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly codec: Codec;
  readonly timestampType: "create" | "append";
  readonly transactional: boolean;
  readonly control: boolean;
  /** The batch's last offset is `baseOffset + lastOffsetDelta`, also where compaction removed that record. */
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  /** -1 when the records have no timestamps. */
  readonly maxTimestamp: number;
  /** -1n without a producer id. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  /** Records in the batch; 0 where compaction emptied it but its producer's sequence must stay known. */
  readonly count: number;
}

/**
 * Reads the header of the batch that begins at `at`. Refuses with corrupt_message anything that cannot be a whole batch
 * there: too few bytes, another magic, negative counts, numbers beyond 2^53. Checks neither CRC nor records.
 */
export function readBatchHeader(bytes: Uint8Array, at = 0): BatchHeader {
  const view = viewOf(bytes);
  return headerAt(view, at);
}

/** Whether the batch's bytes at `at` are those that its CRC-32C was made of; `sizeBytes` is the whole batch's. */
export function crcHolds(bytes: Uint8Array, at: number, sizeBytes: number): boolean {
  const summed = bytes.subarray(at + field.attributes, at + sizeBytes);
  return crc32c(summed) === viewOf(bytes).getUint32(at + field.crc);
}

/** Walks the batches that stand one behind the other; refuses with corrupt_message where they do not end with the bytes. */
export function* walkBatches(bytes: Uint8Array): Iterable<{ at: number; header: BatchHeader }> {
  const view = viewOf(bytes);
  let at = 0;
  while (at < bytes.length) {
    const header = headerAt(view, at);
    yield { at, header };
    at += header.sizeBytes;
  }
}

/** Writes the offset and the epoch that the leader gave into the batch at `at`; they stand outside the CRC. */
export function stampBatch(
  bytes: Uint8Array,
  at: number,
  stamp: { readonly baseOffset: number; readonly leaderEpoch: number },
): void {
  writeLong(bytes, at + field.baseOffset, stamp.baseOffset);
  writeInt(bytes, at + field.leaderEpoch, stamp.leaderEpoch);
}

/** Gives every record of the batch at `at` the time of its append: sets the type, the maximum and a new CRC. */
export function stampAppendTime(bytes: Uint8Array, at: number, timestampMs: number): void {
  const view = viewOf(bytes);
  const attributes = view.getInt16(at + field.attributes) | attribute.appendTime;
  view.setInt16(at + field.attributes, attributes);
  writeLong(bytes, at + field.maxTimestamp, timestampMs);
  stampCrc(bytes, at, batchBytes(view, at));
}

/** Writes the CRC of the batch at `at`, of `sizeBytes`, as its bytes now stand. */
export function stampCrc(bytes: Uint8Array, at: number, sizeBytes: number): void {
  const crc = crc32c(bytes.subarray(at + field.attributes, at + sizeBytes));
  writeInt(bytes, at + field.crc, crc);
}

/** The size of the batch at `at`, refused unless it has a v2 header and all its bytes are there. */
export function batchBytes(view: DataView, at: number): number {
  const left = view.byteLength - at;
  if (left < BATCH_HEADER_BYTES) throw corrupt(`A batch header needs 61 bytes; ${left} are left.`);
  const magic = view.getInt8(at + field.magic);
  if (magic !== 2) throw corrupt(`The batch has magic ${magic}; only format v2 is spoken here.`);
  const sizeBytes = view.getInt32(at + field.batchLength) + BATCH_LENGTH_FROM;
  if (sizeBytes < BATCH_HEADER_BYTES || sizeBytes > left)
    throw corrupt(`The batch claims ${sizeBytes} bytes; ${left} are there.`);
  return sizeBytes;
}

/** The last offset of the batch at `at`, whose size `batchBytes` has accepted. */
export function lastOffsetAt(view: DataView, at: number): number {
  return readLong(view, at + field.baseOffset) + view.getInt32(at + field.lastOffsetDelta);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An int64 as a number; refused beyond 2^53, where no offset or timestamp of ours can be. */
function readLong(view: DataView, at: number): number {
  const value = view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
  if (!Number.isSafeInteger(value)) throw corrupt("An offset or timestamp is beyond 2^53.");
  return value;
}

export function writeLong(bytes: Uint8Array, at: number, value: number): void {
  writeInt(bytes, at, Math.floor(value / 2 ** 32));
  writeInt(bytes, at + 4, value);
}

/** The low 32 bits of an integer. By bytes, since a view on a new buffer costs twice what the buffer does. */
export function writeInt(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** The low 16 bits of an integer. */
export function writeShort(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function headerAt(view: DataView, at: number): BatchHeader {
  const sizeBytes = batchBytes(view, at);
  const attributes = view.getInt16(at + field.attributes);
  const codec = codecNames[attributes & attribute.codecMask];
  if (!codec) throw corrupt(`The batch names compression ${attributes & attribute.codecMask}.`);
  const baseOffset = readLong(view, at + field.baseOffset);
  const lastOffsetDelta = view.getInt32(at + field.lastOffsetDelta);
  const count = view.getInt32(at + field.count);
  if (baseOffset < 0 || lastOffsetDelta < 0 || count < 0)
    throw corrupt(`The batch has a negative offset or count.`);
  return {
    baseOffset,
    sizeBytes,
    leaderEpoch: view.getInt32(at + field.leaderEpoch),
    attributes,
    codec,
    timestampType: attributes & attribute.appendTime ? "append" : "create",
    transactional: (attributes & attribute.transactional) !== 0,
    control: (attributes & attribute.control) !== 0,
    lastOffsetDelta,
    baseTimestamp: readLong(view, at + field.baseTimestamp),
    maxTimestamp: readLong(view, at + field.maxTimestamp),
    producerId: producerIdAt(view, at + field.producerId),
    producerEpoch: view.getInt16(at + field.producerEpoch),
    baseSequence: view.getInt32(at + field.baseSequence),
    count,
  };
}

/** Most batches have none, and a walk over those makes no big integer. */
function producerIdAt(view: DataView, at: number): bigint {
  const none = view.getInt32(at) === -1 && view.getInt32(at + 4) === -1;
  return none ? -1n : view.getBigInt64(at);
}
