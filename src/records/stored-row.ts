/**
 * Whether bytes that were stored are what was written: a chain of whole batches, each with the CRC that was made of it, from
 * the first offset to the last that they were stored under.
 *
 * - A batch's offset and epoch stand outside its CRC: of these only the order is known.
 * - After a batch with a wrong CRC the next is looked at; where a chain breaks, nothing after it can be told.
 */
import { crcHolds, walkBatches } from "./batch.ts";

/** Stored bytes and their offsets. */
export interface StoredBatches {
  readonly base: number;
  readonly last: number;
  readonly data: Uint8Array;
}

/** Offsets that cannot be read, and why, in words that fit after a colon. */
export interface DamagedSpan {
  readonly from: number;
  /** The offset after them. */
  readonly next: number;
  readonly why: string;
}

export interface CheckedRow {
  readonly batches: number;
  readonly damaged: readonly DamagedSpan[];
}

export function checkRow({ base, last, data }: StoredBatches): CheckedRow {
  const damaged: DamagedSpan[] = [];
  const end = last + 1;
  let from = base;
  let batches = 0;
  const broken = (why: string): CheckedRow => {
    damaged.push({ from, next: Math.max(end, from), why });
    return { batches, damaged };
  };
  try {
    for (const { at, header } of walkBatches(data)) {
      batches += 1;
      const next = header.baseOffset + header.lastOffsetDelta + 1;
      if (header.baseOffset < from || next > end) return broken("its batches are out of order");
      if (!crcHolds(data, at, header.sizeBytes))
        damaged.push({ from, next, why: "a batch's checksum is wrong" });
      from = next;
    }
  } catch {
    return broken("it holds what is not a batch");
  }
  return from === end ? { batches, damaged } : broken("its last offset is not what it says");
}
