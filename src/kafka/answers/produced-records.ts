/**
 * What the bytes of a Produce request must be before any of them is taken: one whole batch of format v2 for each partition.
 *
 * As in Kafka (its ProduceRequest and ByteBufferLogInputStream):
 * - Where a partition's bytes begin with a batch that cannot be one (its size or its format number), the request fails as a
 *   whole, and so does a transactional batch in a request without a transactional id: nothing of it is written.
 * - What is only too short, too many or of an older format is its own partition's error, and no error that clients try again.
 * - Bytes that follow the batch and are too few to be another are cut off.
 */
import { Refusal } from "../../lib/refusal.ts";
import {
  attribute,
  BATCH_LENGTH_FROM,
  field,
  readBatchHeader,
  viewOf,
} from "../../records/batch.ts";

interface TopicRecords {
  readonly partitionData: readonly { readonly records: Uint8Array | null }[];
}

/** zstd came with this version; older clients could not read it back. */
const ZSTD_VERSION = 7;
/** The shortest entry of any format, without its offset and size (Kafka's LegacyRecord.RECORD_OVERHEAD_V0). */
const ENTRY_BYTES_MIN = 14;
const MAGIC_MAX = 2;

/** Why the whole request is refused, corrupt_message or transactional_id_authorization_failed; null where it is not. */
export function refusalOfAll(
  topicData: readonly TopicRecords[],
  transactionalId: string | null,
): Refusal | null {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      if (!records) continue;
      const view = viewOf(records);
      const end = entryEnd(view, 0);
      if (end === "damaged") return damaged();
      if (end === null || view.getInt8(field.magic) !== MAGIC_MAX) continue;
      if (!(view.getInt16(field.attributes) & attribute.transactional)) continue;
      // Kafka asks no further than to the first of them.
      return transactionalId === null ? noTransactionalId() : null;
    }
  }
  return null;
}

/** The partition's one batch, a view. Refuses with invalid_record, unsupported_compression_type or corrupt_message. */
export function onlyBatch(records: Uint8Array | null, version: number): Uint8Array {
  const view = records && viewOf(records);
  const end = view && entryEnd(view, 0);
  if (end === "damaged") throw damaged();
  if (!records || !end || view?.getInt8(field.magic) !== MAGIC_MAX) throw notOne();
  if (version < ZSTD_VERSION && readBatchHeader(records).codec === "zstd")
    throw new Refusal("unsupported_compression_type", `zstd needs version ${ZSTD_VERSION}.`);
  if (end === records.byteLength) return records;
  const next = entryEnd(view, end);
  if (next === "damaged") throw damaged();
  if (next !== null) throw notOne();
  return records.subarray(0, end);
}

/** Where the entry at `at` ends; null: its bytes are not all there. */
function entryEnd(view: DataView, at: number): number | "damaged" | null {
  const left = view.byteLength - at;
  if (left < BATCH_LENGTH_FROM) return null;
  const sizeBytes = view.getInt32(at + field.batchLength);
  if (sizeBytes < ENTRY_BYTES_MIN) return "damaged";
  if (left <= field.magic) return null;
  const magic = view.getInt8(at + field.magic);
  if (magic < 0 || magic > MAGIC_MAX) return "damaged";
  return sizeBytes + BATCH_LENGTH_FROM > left ? null : at + BATCH_LENGTH_FROM + sizeBytes;
}

function damaged(): Refusal {
  return new Refusal("corrupt_message", "A partition's bytes begin with no batch of any format.");
}

function notOne(): Refusal {
  return new Refusal("invalid_record", "A partition needs exactly one whole batch of format v2.");
}

function noTransactionalId(): Refusal {
  return new Refusal(
    "transactional_id_authorization_failed",
    "A transactional batch needs the request to have a transactional id.",
  );
}
