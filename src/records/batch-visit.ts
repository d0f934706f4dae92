/**
 * Going through the records of a batch without making anything, with pauses in which others get their turn: for batches of
 * which nobody knows how much they hold.
 */
import type { Pause } from "../lib/async.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, crcHolds } from "./batch.ts";
import { decompressBeside } from "./compression.ts";
import { wrongCrc } from "./refusals.ts";
import { type RecordWalk, startWalk, stepRecord } from "./record-walk.ts";

/** Records between two pauses. */
export const RECORDS_A_PAUSE = 512;
/** What those cost at most, in about nanoseconds. */
export const RECORDS_COST = RECORDS_A_PAUSE * 60;

export interface VisitOptions {
  readonly decompressedBytesMax: number;
  readonly pause: Pause;
}

/**
 * Tells of every record of the batch at `at`, until `visit` answers false; false when it did. The walk is overwritten by the
 * next record. Throws Refusal corrupt_message, and message_too_large past `decompressedBytesMax`.
 */
export async function visitRecords(
  bytes: Uint8Array,
  at: number,
  header: BatchHeader,
  visit: (walk: RecordWalk, index: number) => boolean,
  options: VisitOptions,
): Promise<boolean> {
  if (header.count === 0) return true;
  const walk = startWalk(await openRecords(bytes, at, header, options), 0);
  for (let index = 0; index < header.count; index += 1) {
    if (index % RECORDS_A_PAUSE === RECORDS_A_PAUSE - 1) await options.pause(RECORDS_COST);
    stepRecord(walk);
    if (!visit(walk, index)) return false;
  }
  return true;
}

/** The records of the batch at `at`, decompressed, once its CRC was looked at. Throws as `visitRecords`. */
export async function openRecords(
  bytes: Uint8Array,
  at: number,
  { codec, sizeBytes }: BatchHeader,
  { decompressedBytesMax, pause }: VisitOptions,
): Promise<Uint8Array> {
  if (!crcHolds(bytes, at, sizeBytes)) throw wrongCrc();
  const stored = bytes.subarray(at + BATCH_HEADER_BYTES, at + sizeBytes);
  return decompressBeside(codec, stored, decompressedBytesMax, pause);
}

export function keyOf({ bytes, keyAt, keyBytes }: RecordWalk): Uint8Array | null {
  return keyBytes < 0 ? null : bytes.subarray(keyAt, keyAt + keyBytes);
}
