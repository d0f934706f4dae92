/**
 * Finds where truncation may cut a stored row: at the boundary before the first batch that holds an offset at or past
 * the new end. Reads the fixed part of Kafka's record batch v2 header; the row's writer has checked it.
 */
import { assert } from "../lib/assert.ts";

const LENGTH_AT = 8;
const LAST_OFFSET_DELTA_AT = 23;
const MAX_TIMESTAMP_AT = 35;
/** Base offset and length come before what the length counts. */
const PREFIX_BYTES = 12;

/** The batches that stay: their bytes, number, last offset and largest timestamp. */
export interface Kept {
  readonly bytes: number;
  readonly count: number;
  readonly last: number;
  readonly maxTimestamp: number;
}

export function keptBelow(end: number, data: Uint8Array): Kept {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let kept: Kept = { bytes: 0, count: 0, last: -1, maxTimestamp: -1 };
  while (kept.bytes < data.byteLength) {
    const at = kept.bytes;
    const size = PREFIX_BYTES + view.getInt32(at + LENGTH_AT);
    assert(size > MAX_TIMESTAMP_AT && at + size <= data.byteLength, "a row holds whole batches");
    const last = Number(view.getBigInt64(at)) + view.getInt32(at + LAST_OFFSET_DELTA_AT);
    if (last >= end) break;
    kept = {
      bytes: at + size,
      count: kept.count + 1,
      last,
      maxTimestamp: Math.max(kept.maxTimestamp, Number(view.getBigInt64(at + MAX_TIMESTAMP_AT))),
    };
  }
  return kept;
}
