/**
 * The full check of a batch from an untrusted client, as strict as Kafka's LogValidator and ProduceRequest together.
 *
 * - Order: size, magic, CRC, header, then every record (decompressed, bounded). An uncompressed batch is walked where it
 *   lies and nothing is made.
 * - Deltas must be 0, 1, 2 …: offsets inside a batch are the broker's to promise.
 * - As in Kafka, a maximum timestamp that is not the records' own is put right in place, with a new CRC.
 */
import { Refusal } from "../lib/refusal.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  attribute,
  batchBytes,
  field,
  readBatchHeader,
  stampCrc,
  viewOf,
  writeLong,
} from "./batch.ts";
import { decompress } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { corrupt } from "./refusals.ts";
import { startWalk, stepRecord } from "./record-walk.ts";

export interface BatchLimits {
  /** Largest batch as sent (`max.message.bytes`). */
  readonly bytesMax: number;
  /** Largest that its records may be once decompressed. */
  readonly decompressedBytesMax: number;
}

/**
 * Checks that `bytes` are exactly one good batch and gives its header. Refuses with corrupt_message, invalid_record,
 * invalid_timestamp or message_too_large.
 */
export function checkBatch(bytes: Uint8Array, limits: BatchLimits): BatchHeader {
  if (bytes.length > limits.bytesMax)
    throw new Refusal(
      "message_too_large",
      `The batch has ${bytes.length} bytes; ${limits.bytesMax} are allowed.`,
      { bytes_max: limits.bytesMax },
    );
  const view = viewOf(bytes);
  const sizeBytes = batchBytes(view, 0);
  if (sizeBytes !== bytes.length)
    throw new Refusal("invalid_record", "Exactly one batch is taken at a time; bytes follow it.");
  if (crc32c(bytes.subarray(field.attributes)) !== view.getUint32(field.crc))
    throw corrupt("The batch's CRC-32C does not match its bytes.");
  const header = readBatchHeader(bytes);
  checkHeader(header);
  const maxTimestamp = checkRecords(bytes, header, limits.decompressedBytesMax);
  if (maxTimestamp === header.maxTimestamp) return header;
  writeLong(bytes, field.maxTimestamp, maxTimestamp);
  stampCrc(bytes, 0, sizeBytes);
  return { ...header, maxTimestamp };
}

function checkHeader(header: BatchHeader): void {
  if (header.count === 0 || header.lastOffsetDelta !== header.count - 1)
    throw invalid(`The batch has ${header.count} records but ends at +${header.lastOffsetDelta}.`);
  if (header.control) throw invalid("Control batches are written by the broker alone.");
  if (header.attributes & attribute.deleteHorizon)
    throw invalid("A delete horizon is set by the broker alone.");
  if (header.timestampType === "append")
    throw new Refusal("invalid_timestamp", "Append time is given by the broker alone.");
  if (header.producerId === -1n) {
    if (header.transactional) throw invalid("A transactional batch needs a producer id.");
  } else if (header.producerId < 0n || header.producerEpoch < 0 || header.baseSequence < 0)
    throw invalid("A producer id needs an epoch and a sequence number of 0 or more.");
}

/** Walks every record and gives the largest timestamp. */
function checkRecords(bytes: Uint8Array, header: BatchHeader, decompressedMax: number): number {
  const plain = header.codec === "none";
  const records = plain
    ? bytes
    : decompress(header.codec, bytes.subarray(BATCH_HEADER_BYTES), decompressedMax);
  const walk = startWalk(records, plain ? BATCH_HEADER_BYTES : 0);
  const { baseTimestamp, count } = header;
  let maxTimestamp = -1;
  for (let index = 0; index < count; index++) {
    stepRecord(walk);
    if (walk.offsetDelta !== index)
      throw invalid(`Record ${index} has offset delta ${walk.offsetDelta}.`);
    const timestamp = baseTimestamp + walk.timestampDelta;
    if (timestamp < -1 || timestamp > Number.MAX_SAFE_INTEGER)
      throw new Refusal("invalid_timestamp", `Record ${index} has timestamp ${timestamp}.`);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
  }
  if (walk.at !== records.length) throw corrupt("Bytes follow the batch's last record.");
  return maxTimestamp;
}

function invalid(detail: string): Refusal {
  return new Refusal("invalid_record", detail);
}
