/**
 * Finding a record in a batch by its time.
 */
import { readBatchHeader } from "./batch.ts";
import { visitRecords, type VisitOptions } from "./batch-visit.ts";

export interface SoughtRecord {
  /** No older than this. */
  readonly timestampMs: number;
  /** No earlier than this. */
  readonly from: number;
}

/** The first such record of the batch at `at`, or null where there is none; throws as `visitRecords`. */
export async function findTimestamp(
  bytes: Uint8Array,
  at: number,
  sought: SoughtRecord,
  options: VisitOptions,
): Promise<{ readonly offset: number; readonly timestampMs: number } | null> {
  const header = readBatchHeader(bytes, at);
  const { baseOffset, baseTimestamp, maxTimestamp, timestampType } = header;
  if (maxTimestamp < sought.timestampMs) return null;
  const append = timestampType === "append";
  let found = null;
  await visitRecords(
    bytes,
    at,
    header,
    ({ offsetDelta, timestampDelta }) => {
      const offset = baseOffset + offsetDelta;
      const timestampMs = append ? maxTimestamp : baseTimestamp + timestampDelta;
      if (timestampMs < sought.timestampMs || offset < sought.from) return true;
      found = { offset, timestampMs };
      return false;
    },
    options,
  );
  return found;
}
