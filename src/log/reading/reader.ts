/**
 * Reading one partition: from memory when it is at the tail, else from storage, never past what the reader may see.
 *
 * - What is given holds no more than twice its size of memory: a small part of what storage read is copied.
 * - A read that went to storage looks again afterwards at the log start: what was deleted in between is refused, never
 *   left out in silence.
 */
import { Refusal } from "../../lib/refusal.ts";
import { batchesBefore, batchesFrom, batchesWithin, endOf } from "../../records/batch-read.ts";
import type { AbortedTransaction, ReadRows, Row } from "../../storage/storage.ts";
import { JOINED_ROW_BYTES } from "../appending/row-builder.ts";
import type { Partition } from "../partition.ts";
import type { Isolation } from "./reader-watchers.ts";

/** What a read gave: runs of whole batches, and the log position in bytes of the first. */
export interface ReadRuns {
  readonly runs: readonly Uint8Array[];
  readonly position: number;
  /** The offset asked for, or the end of the hole that it was found in when nothing readable lies behind the hole. */
  readonly from: number;
  /** The aborted transactions that have records in the runs; null for readers that do not ask. */
  readonly aborted: readonly AbortedTransaction[] | null;
  /** The size of the first batch, or of what is stored with it, where that is more than `firstBytesMax`: there are no runs. */
  readonly refusedBytes?: number;
  /** As that of what storage read. */
  readonly done?: () => void;
}

export interface ReadLimit {
  readonly bytesMax: number;
  /** What one whole batch may have that is given at least; 0: none is. */
  readonly firstBytesMax: number;
}

/** A read of storage that is under way, and the readable end when it began: what came later it may not have seen. */
export interface StoredRead {
  readonly rows: Promise<ReadRows>;
  readonly end: number;
}

/** Begins what `readBatches` of the same place will need of storage; null where it needs nothing, or will be refused. */
export function beginRead(
  partition: Partition,
  from: number,
  limit: ReadLimit,
  isolation: Isolation,
): StoredRead | null {
  if (partition.closedBy || from < partition.logStart || limit.bytesMax <= 0) return null;
  if (isolation === "read_committed" && !partition.isStableKnown) return null;
  const end = partition.readableEnd(isolation);
  if (from >= end || from >= partition.tail.start) return null;
  const rows = storedRows(partition, from, limit);
  rows.catch(() => {}); // Told to whoever goes on with it.
  return { rows, end };
}

/**
 * Runs of whole batches from the one that holds `from` on, as views: of the tail cache, or of what storage gave; with `begun`
 * of that. Gives them at once where no storage is needed.
 * @throws Refusal offset_trimmed, offset_out_of_range or whatever closed the partition; StorageFault.
 */
export function readBatches(
  partition: Partition,
  from: number,
  limit: ReadLimit,
  isolation: Isolation,
  begun: StoredRead | null = null,
): ReadRuns | Promise<ReadRuns> {
  checkRange(partition, from);
  if (isolation === "read_uncommitted")
    return readBelow(partition, from, limit, begun ?? partition.highWatermark);
  if (!partition.isStableKnown) {
    return partition.whenStableKnown().then(() => readBatches(partition, from, limit, isolation));
  }
  const reading = readBelow(partition, from, limit, begun ?? partition.lastStable);
  if (reading instanceof Promise) return reading.then((read) => withAborted(partition, read));
  return withAborted(partition, reading);
}

function readBelow(
  partition: Partition,
  from: number,
  limit: ReadLimit,
  below: number | StoredRead,
): ReadRuns | Promise<ReadRuns> {
  const end = typeof below === "number" ? below : below.end;
  if (from >= end || Math.max(limit.bytesMax, limit.firstBytesMax) <= 0)
    return nothing(partition, from);
  if (typeof below !== "number") return readStored(partition, from, below, limit);
  if (from >= partition.tail.start) {
    const rows = partition.tail.rows(from, limit.bytesMax);
    return cut(rows, from, end, limit) ?? nothing(partition, pastHole(rows, from, end));
  }
  return readStored(partition, from, { rows: storedRows(partition, from, limit), end }, limit);
}

/** No batch is read that is too large to be given; a row of joined ones may hold some that are not. */
function storedRows(
  partition: Partition,
  from: number,
  { bytesMax, firstBytesMax }: ReadLimit,
): Promise<ReadRows> {
  const rowBytesMax = Math.max(firstBytesMax, JOINED_ROW_BYTES);
  return partition.node.storage.read(partition.id, from, bytesMax, rowBytesMax);
}

/** Aborted transactions are looked up once the span is known: all of them ended before it was stable. */
function withAborted(partition: Partition, read: ReadRuns): ReadRuns | Promise<ReadRuns> {
  const last = read.runs.at(-1);
  if (!last) return { ...read, aborted: [] };
  const found = partition.producers.aborted.within(read.from, endOf(last));
  if (!(found instanceof Promise)) return { ...read, aborted: found };
  return found.then((aborted) => stillThere(partition, { ...read, aborted }));
}

/** A trim takes the index of what it cuts off along: who read before it must not go without. */
async function stillThere(partition: Partition, read: ReadRuns): Promise<ReadRuns> {
  const bounds = await partition.node.storage.bounds(partition.id);
  checkRange(partition, read.from);
  if (bounds && read.from < bounds.logStart) throw trimmed(read.from, bounds.logStart);
  return read;
}

async function readStored(
  partition: Partition,
  from: number,
  { rows: reading, end }: StoredRead,
  limit: ReadLimit,
): Promise<ReadRuns> {
  const { rows, logStart, refusedBytes = 0, done } = await reading;
  checkRange(partition, from);
  if (from < logStart) throw trimmed(from, logStart);
  if (refusedBytes > limit.firstBytesMax)
    return refused(nothing(partition, from), refusedBytes, limit);
  // It was begun before it was known that it is to give one batch.
  if (refusedBytes > 0)
    return readStored(partition, from, { rows: storedRows(partition, from, limit), end }, limit);
  const read = cut(rows, from, end, limit) ?? nothing(partition, pastHole(rows, from, end));
  if (!done) return read;
  if (2 * sizeOf(read.runs) >= sizeOf(rows.map(({ data }) => data))) return { ...read, done };
  // A small part would keep all that was read, for as long as its reader has it.
  const runs = read.runs.map((run) => run.slice());
  done();
  return { ...read, runs };
}

function sizeOf(runs: readonly Uint8Array[]): number {
  return runs.reduce((sum, run) => sum + run.byteLength, 0);
}

/**
 * Where a reader goes on that was given nothing below the readable `end`: at that end when no row begins before it (the
 * log's end jumped, as after a power cut), else where it is: what is there did not fit.
 */
function pastHole(rows: readonly Row[], from: number, end: number): number {
  const base = rows[0]?.base ?? end;
  return base >= end ? end : from;
}

function checkRange(partition: Partition, from: number): void {
  if (partition.closedBy) throw partition.closedBy;
  if (from < partition.logStart) throw trimmed(from, partition.logStart);
  if (from > partition.writtenEnd) {
    const latest = partition.highWatermark;
    throw new Refusal(
      "offset_out_of_range",
      `Offset ${from} is past the end of partition ${partition.index}, whose next offset is ${latest}.`,
      { latest },
    );
  }
}

function trimmed(from: number, earliest: number): Refusal {
  return new Refusal(
    "offset_trimmed",
    `The records at offset ${from} were removed; the earliest is ${earliest}.`,
    { earliest },
  );
}

function nothing(partition: Partition, from: number): ReadRuns {
  return { runs: [], position: partition.endPosition, from, aborted: null };
}

/** The whole batches of these rows that reach `from`, end below `end` and fit the limit; null when there is none. */
function cut(rows: readonly Row[], from: number, end: number, limit: ReadLimit): ReadRuns | null {
  const runs: Uint8Array[] = [];
  let position = 0;
  let left = limit.bytesMax;
  for (const row of rows) {
    let run = row.base < from ? batchesFrom(row.data, from) : row.data;
    if (row.last >= end) run = batchesBefore(run, end);
    if (run.byteLength > left) {
      run = batchesWithin(run, left);
      const refusedBytes = run.byteLength > left ? run.byteLength : 0;
      if (refusedBytes > 0 && runs.length > 0) break;
      if (refusedBytes > limit.firstBytesMax)
        return refused({ runs, position: row.position, from, aborted: null }, refusedBytes, limit);
    }
    if (run.byteLength === 0) continue;
    if (runs.length === 0) position = row.position + run.byteOffset - row.data.byteOffset;
    left -= run.byteLength;
    const longer = together(runs.at(-1), run);
    if (longer) runs[runs.length - 1] = longer;
    else runs.push(run);
    if (left <= 0 || row.last >= end) break;
  }
  return runs.length === 0 ? null : { runs, position, from, aborted: null };
}

/** Who was to be given a batch at least hears how large it is. */
function refused(read: ReadRuns, refusedBytes: number, { firstBytesMax }: ReadLimit): ReadRuns {
  return firstBytesMax > 0 ? { ...read, refusedBytes } : read;
}

/** Both as one view where they stand side by side in memory, so that they are passed on, and sent, in one go. */
function together(before: Uint8Array | undefined, run: Uint8Array): Uint8Array | null {
  if (!before || before.buffer !== run.buffer) return null;
  if (before.byteOffset + before.byteLength !== run.byteOffset) return null;
  return new Uint8Array(run.buffer, before.byteOffset, before.byteLength + run.byteLength);
}
