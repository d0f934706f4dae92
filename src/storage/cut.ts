/**
 * Finds where truncation may cut a stored row: at the boundary before the first batch that holds an offset at or past
 * the new end.
 */
import { walkBatches } from "../records/batch.ts";

/** The batches that stay: their bytes, number, last offset and largest timestamp. */
interface Kept {
  readonly bytes: number;
  readonly count: number;
  readonly last: number;
  readonly maxTimestamp: number;
}

export function keptBelow(end: number, data: Uint8Array): Kept {
  let kept: Kept = { bytes: 0, count: 0, last: -1, maxTimestamp: -1 };
  for (const { at, header } of walkBatches(data)) {
    const last = header.baseOffset + header.lastOffsetDelta;
    if (last >= end) break;
    kept = {
      bytes: at + header.sizeBytes,
      count: kept.count + 1,
      last,
      maxTimestamp: Math.max(kept.maxTimestamp, header.maxTimestamp),
    };
  }
  return kept;
}
