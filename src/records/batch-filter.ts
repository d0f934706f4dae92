/**
 * A batch without some of its records, as compaction leaves it (Kafka's MemoryRecords.filterTo).
 *
 * - What stays keeps its bytes: base offset, last offset delta, sequence and codec are the batch's own, so that offsets and
 *   sequences go on meaning what they did. A batch that loses nothing is left alone.
 * - A delete horizon (KIP-534) says from when on the batch's tombstones, or its marker, may go: bit 6 of the attributes,
 *   and the horizon itself in the place of the base timestamp, from which the records' timestamps then count.
 * - A batch that loses every record goes, or stays as a header alone where its producer's last sequence must stay known.
 * - Large batches are opened and packed beside the event loop; a walk over many records pauses now and then.
 */
import {
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_FROM,
  type BatchHeader,
  attribute,
  field,
  stampCrc,
  writeInt,
  writeLong,
  writeShort,
} from "./batch.ts";
import { compressBeside } from "./compression.ts";
import { keyOf, openRecords, RECORDS_A_PAUSE, RECORDS_COST } from "./batch-visit.ts";
import { startWalk, stepRecord } from "./record-walk.ts";
import type { Pause } from "../lib/async.ts";
import { readVarint, readVarlong, varlongBytes, writeVarint, writeVarlong } from "./varint.ts";

export interface FilterRules {
  /** Whether the record stays; `key` is a view, null without one. A tombstone has no value. */
  keep(offset: number, key: Uint8Array | null, tombstone: boolean): boolean;
  /** Whether a batch without records stays as a header. */
  readonly keepEmpty: boolean;
  /** The horizon that a batch is given in which tombstones stay and which has none yet; null: it is given none now. */
  readonly horizonMs: number | null;
  /** The batch is given the horizon whatever its records: a marker of a transaction of which no record is left. */
  readonly marker: boolean;
  readonly decompressedBytesMax: number;
  /** Called every few hundred records: others get their turn. */
  readonly pause: Pause;
}

/** When the batch's tombstones or its marker may go; null while it has no horizon. */
export function deleteHorizonOf(header: BatchHeader): number | null {
  return header.attributes & attribute.deleteHorizon ? header.baseTimestamp : null;
}

/** The batch at `at` once it has been filtered: itself, other bytes, or nothing. Throws Refusal corrupt_message. */
export async function filterBatch(
  bytes: Uint8Array,
  at: number,
  header: BatchHeader,
  rules: FilterRules,
): Promise<Uint8Array | "same" | "gone"> {
  if (header.count === 0) return rules.keepEmpty ? "same" : "gone";
  const plain = await openRecords(bytes, at, header, rules);
  const kept = await keptRecords(plain, header, rules);
  if (kept.count === 0) return rules.keepEmpty ? emptyBatch(bytes, at, header) : "gone";
  const unset = deleteHorizonOf(header) === null;
  const horizon = unset && (kept.tombstones || rules.marker) ? rules.horizonMs : null;
  if (kept.count === header.count && horizon === null) return "same";
  const records = horizon === null ? joined(plain, kept) : rebased(plain, kept, header, horizon);
  const packed = await compressBeside(header.codec, records, rules.pause);
  const batch = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  batch.set(bytes.subarray(at, at + BATCH_HEADER_BYTES));
  batch.set(packed, BATCH_HEADER_BYTES);
  if (horizon !== null) {
    writeShort(batch, field.attributes, header.attributes | attribute.deleteHorizon);
    writeLong(batch, field.baseTimestamp, horizon);
  }
  writeLong(batch, field.maxTimestamp, kept.maxTimestamp);
  return finished(batch, kept.count);
}

/** The records that stay, as runs of the plain bytes. */
interface Kept {
  readonly runs: { from: number; to: number }[];
  count: number;
  bytes: number;
  tombstones: boolean;
  maxTimestamp: number;
}

async function keptRecords(
  plain: Uint8Array,
  header: BatchHeader,
  rules: FilterRules,
): Promise<Kept> {
  const append = header.timestampType === "append";
  const kept: Kept = {
    runs: [],
    count: 0,
    bytes: 0,
    tombstones: false,
    maxTimestamp: append ? header.maxTimestamp : -1,
  };
  const walk = startWalk(plain, 0);
  for (let index = 0; index < header.count; index += 1) {
    if (index % RECORDS_A_PAUSE === RECORDS_A_PAUSE - 1) await rules.pause(RECORDS_COST);
    const from = walk.at;
    stepRecord(walk);
    const tombstone = walk.valueBytes < 0;
    if (!rules.keep(header.baseOffset + walk.offsetDelta, keyOf(walk), tombstone)) continue;
    const run = kept.runs.at(-1);
    if (run?.to === from) run.to = walk.at;
    else kept.runs.push({ from, to: walk.at });
    kept.count += 1;
    kept.bytes += walk.at - from;
    kept.tombstones ||= tombstone && !header.control;
    if (!append)
      kept.maxTimestamp = Math.max(kept.maxTimestamp, header.baseTimestamp + walk.timestampDelta);
  }
  return kept;
}

function joined(plain: Uint8Array, { runs, bytes }: Kept): Uint8Array {
  const records = new Uint8Array(bytes);
  let at = 0;
  for (const { from, to } of runs) {
    records.set(plain.subarray(from, to), at);
    at += to - from;
  }
  return records;
}

/** The records with timestamps that count from another base. */
function rebased(
  plain: Uint8Array,
  { runs, bytes, count }: Kept,
  header: BatchHeader,
  base: number,
): Uint8Array {
  // A delta takes at most ten bytes, and makes its record's length longer by five at most.
  const records = new Uint8Array(bytes + count * 15);
  let at = 0;
  for (const { from, to } of runs) {
    for (const cursor = { bytes: plain, at: from }; cursor.at < to;) {
      const length = readVarint(cursor);
      const end = cursor.at + length;
      const attributes = plain[cursor.at] ?? 0;
      cursor.at += 1;
      const delta = header.baseTimestamp + readVarlong(cursor) - base;
      const rest = plain.subarray(cursor.at, end);
      at = writeVarint(records, at, 1 + varlongBytes(delta) + rest.length);
      records[at] = attributes;
      at = writeVarlong(records, at + 1, delta);
      records.set(rest, at);
      at += rest.length;
      cursor.at = end;
    }
  }
  return records.subarray(0, at);
}

/** The header alone, uncompressed. */
function emptyBatch(bytes: Uint8Array, at: number, header: BatchHeader): Uint8Array {
  const batch = bytes.slice(at, at + BATCH_HEADER_BYTES);
  const without = ~(attribute.codecMask | attribute.deleteHorizon);
  writeShort(batch, field.attributes, header.attributes & without);
  writeLong(batch, field.baseTimestamp, -1);
  return finished(batch, 0);
}

function finished(batch: Uint8Array, count: number): Uint8Array {
  writeInt(batch, field.batchLength, batch.length - BATCH_LENGTH_FROM);
  writeInt(batch, field.count, count);
  stampCrc(batch, 0, batch.length);
  return batch;
}
