/**
 * Reading records out of batches that the log holds, and cutting a run of batches by offset.
 *
 * - Keys, values and header values are *views*: on the given bytes, or on the decompressed ones. Who keeps a record longer
 *   than the batch copies it; who transfers the batch's buffer away must be done reading.
 * - Records come one by one, so a reader that stops early pays for no more than the decompression.
 * - Offsets may have holes (compaction); control batches are given like others, the caller looks at the header.
 */
import type { LogRecord, RecordHeader } from "./record.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  batchBytes,
  crcHolds,
  lastOffsetAt,
  readBatchHeader,
  viewOf,
} from "./batch.ts";
import { decompress } from "./compression.ts";
import { type RecordWalk, startWalk, stepRecord } from "./record-walk.ts";
import { corrupt, wrongCrc } from "./refusals.ts";
import { type Cursor, readVarint } from "./varint.ts";

interface ReadLimits {
  readonly decompressedBytesMax: number;
}

// Kept whole: a byte order mark in a header's name is part of the name.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The records of the batch at `at`, in order, with absolute offsets. Refuses with corrupt_message, before the first record where
 * the CRC tells of the damage, or with message_too_large when more than `decompressedBytesMax` comes out of a compressed batch.
 */
export function* readRecords(
  bytes: Uint8Array,
  at: number,
  limits: ReadLimits,
): Generator<LogRecord, void, undefined> {
  const header = readBatchHeader(bytes, at);
  if (!crcHolds(bytes, at, header.sizeBytes)) throw wrongCrc();
  const stored = bytes.subarray(at + BATCH_HEADER_BYTES, at + header.sizeBytes);
  // A batch that compaction emptied is a header alone.
  const plain =
    header.codec === "none" || stored.length === 0
      ? stored
      : decompress(header.codec, stored, limits.decompressedBytesMax);
  yield* recordsIn(plain, header);
}

/** The records of a batch that has been opened: `plain` are their decompressed bytes. Refuses as `readRecords`. */
export function* recordsIn(
  plain: Uint8Array,
  header: BatchHeader,
): Generator<LogRecord, void, undefined> {
  const walk = startWalk(plain, 0);
  for (let index = 0; index < header.count; index++) {
    stepRecord(walk);
    yield {
      offset: offsetOf(header, walk),
      timestampMs: timestampOf(header, walk),
      key: slice(walk.bytes, walk.keyAt, walk.keyBytes),
      value: slice(walk.bytes, walk.valueAt, walk.valueBytes),
      headers: walk.headers === 0 ? [] : headersOf(walk),
    };
  }
  if (walk.at !== walk.bytes.length) throw corrupt("Bytes follow the batch's last record.");
}

/** The part of a run of batches that begins with the first batch reaching `offset`; a view, empty when none does. */
export function batchesFrom(bytes: Uint8Array, offset: number): Uint8Array {
  const view = viewOf(bytes);
  let at = 0;
  while (at < bytes.length) {
    const sizeBytes = batchBytes(view, at);
    if (lastOffsetAt(view, at) >= offset) break;
    at += sizeBytes;
  }
  return at === 0 ? bytes : bytes.subarray(at);
}

/** The part of a run of batches whose every offset is below `endOffset`; a view, empty when the first is not. */
export function batchesBefore(bytes: Uint8Array, endOffset: number): Uint8Array {
  const view = viewOf(bytes);
  let at = 0;
  while (at < bytes.length) {
    const sizeBytes = batchBytes(view, at);
    if (lastOffsetAt(view, at) >= endOffset) return bytes.subarray(0, at);
    at += sizeBytes;
  }
  return bytes;
}

/** The whole batches that fit into `bytesMax`, but always the first one; a view. */
export function batchesWithin(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const view = viewOf(bytes);
  let at = 0;
  while (at < bytes.length) {
    const end = at + batchBytes(view, at);
    if (at > 0 && end > bytesMax) return bytes.subarray(0, at);
    at = end;
  }
  return bytes;
}

/** The offset after the last of a run of batches, 0 for none. */
export function endOf(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  let end = 0;
  for (let at = 0; at < bytes.length; at += batchBytes(view, at)) end = lastOffsetAt(view, at) + 1;
  return end;
}

function offsetOf(header: BatchHeader, walk: RecordWalk): number {
  if (walk.offsetDelta < 0 || walk.offsetDelta > header.lastOffsetDelta)
    throw corrupt(`A record at +${walk.offsetDelta} is outside of its batch.`);
  return header.baseOffset + walk.offsetDelta;
}

function timestampOf(header: BatchHeader, walk: RecordWalk): number {
  if (header.timestampType === "append") return header.maxTimestamp;
  return header.baseTimestamp + walk.timestampDelta;
}

function headersOf(walk: RecordWalk): RecordHeader[] {
  const { bytes } = walk;
  const cursor: Cursor = { bytes, at: walk.headersAt };
  const headers: RecordHeader[] = [];
  for (let index = 0; index < walk.headers; index++) {
    const nameBytes = readVarint(cursor);
    const name = utf8.decode(bytes.subarray(cursor.at, cursor.at + nameBytes));
    cursor.at += nameBytes;
    const valueBytes = readVarint(cursor);
    headers.push({ name, value: slice(bytes, cursor.at, valueBytes) });
    if (valueBytes > 0) cursor.at += valueBytes;
  }
  return headers;
}

function slice(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : bytes.subarray(at, at + length);
}
