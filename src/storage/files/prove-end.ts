/**
 * Proves the ends of the logs after a start that follows no clean end: SQLite's own checksums give an exact prefix of the
 * commits, but its pages carry none, so that a damaged newest row would be read as it is.
 *
 * - Every partition's newest row must end where the partition says that its bytes end; this reads indexes alone.
 * - The newest rows of the file, whosever they are, must be chains of whole batches with right CRCs: up to 16 MiB of them
 *   where the machine may have stopped, 4 after a mere kill, which the kernel's copy of the pages outlives. A row that is
 *   not is cut off before the first bad batch, as Kafka does with the tail of a segment.
 * - Left out: older rows (a scrub reads those), so that the start stays short however long the log is.
 */
import { crc32c } from "../../records/crc32c.ts";
import { field, viewOf, walkBatches } from "../../records/batch.ts";
import { blob, integer } from "../sql/prepared.ts";
import { type PartitionId, StorageFault } from "../storage.ts";
import type { LogSql } from "../worker/row-writer.ts";
import type { Writer } from "../worker/writer.ts";
import { isDamage } from "./sqlite-error.ts";

const PROVED_BYTES_MAX = 16 * 1024 * 1024;
const PROVED_AFTER_KILL_BYTES_MAX = 4 * 1024 * 1024;
const PROVED_ROWS_MAX = 1024;

/**
 * After a clean end: no row may lie past where its partition says that it ends, or its offsets would be given once more. Where all is
 * well this reads the index alone.
 */
export function proveEnds({ sql, table }: Writer): void {
  for (const partition of table.ids()) {
    const end = table.state(partition)?.end ?? Infinity;
    const last = lastFrom(sql, partition, end);
    if (last !== null) throw endsBefore(partition, end, last + 1);
  }
}

/** Of the row itself: what an index alone says, or cannot say, is told to who reads by it. */
function lastFrom(sql: LogSql, partition: PartitionId, end: number): number | null {
  try {
    const [place] = sql.placesFrom.all({ partition, from: end, limit: 1 });
    const row = place && sql.headById.first({ id: integer(place.id) });
    return row?.partition === partition && row.last === place?.last ? integer(row.last) : null;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return null;
  }
}

function endsBefore(partition: PartitionId, end: number, rowsEnd: number): StorageFault {
  return new StorageFault(
    "io",
    `log.db is damaged: partition ${partition} ends at ${end}, its newest row at ${rowsEnd}; restore a backup`,
  );
}

/** A log that is sound only below `end`. */
export interface Damage {
  readonly partition: PartitionId;
  readonly end: number;
}

/** The partitions whose newest rows are damaged. Throws StorageFault where bounds and rows contradict each other. */
export function findDamage(writer: Writer, isSameBoot: boolean): Damage[] {
  const bytesMax = isSameBoot ? PROVED_AFTER_KILL_BYTES_MAX : PROVED_BYTES_MAX;
  for (const partition of writer.table.ids()) provePositions(writer, partition);
  const ends = new Map<PartitionId, number>();
  let bytes = 0;
  let seen = 0;
  let before = Number.MAX_SAFE_INTEGER;
  while (bytes < bytesMax && seen < PROVED_ROWS_MAX) {
    const heads = writer.sql.newestRows.all({ before });
    for (const head of heads) {
      if (bytes >= bytesMax) break;
      bytes += integer(head.bytes);
      before = integer(head.id);
      const partition = integer(head.partition);
      if (!writer.table.state(partition)) continue;
      const end = soundEnd(writer, before);
      if (end !== null) ends.set(partition, Math.min(end, ends.get(partition) ?? end));
    }
    seen += heads.length;
    if (heads.length === 0) break;
  }
  return [...ends].map(([partition, end]) => ({ partition, end }));
}

function provePositions(writer: Writer, partition: PartitionId): void {
  const state = writer.table.state(partition);
  const newest = writer.sql.headBefore.first({ partition, before: Number.MAX_SAFE_INTEGER });
  if (!state || !newest) return;
  const sound =
    integer(newest.last) < state.end &&
    integer(newest.position) + integer(newest.bytes) === state.endPosition;
  if (sound) return;
  throw endsBefore(partition, state.end, integer(newest.last) + 1);
}

/** The offset before which a row is sound; null when all of it is. */
function soundEnd(writer: Writer, id: number): number | null {
  const row = writer.sql.rowById.first({ id });
  if (!row) return null;
  const data = blob(row.data);
  const view = viewOf(data);
  let next = integer(row.base);
  try {
    for (const { at, header } of walkBatches(data)) {
      const from = at + field.attributes;
      const sum = crc32c(data.subarray(from, at + header.sizeBytes));
      if (header.baseOffset < next || sum !== view.getUint32(at + field.crc)) return next;
      next = header.baseOffset + header.lastOffsetDelta + 1;
    }
  } catch {
    return next; // Not a batch at all.
  }
  return next === integer(row.last) + 1 ? null : next;
}
