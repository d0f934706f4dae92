/**
 * Rows around damaged pages of `log.db`: what stands before them, and where reading may go on behind. That is found by trying, so
 * that SQLite is the judge.
 *
 * - As long as the index can be read it names the rows one by one, so that no sound row is passed over where a page of the
 *   table is damaged.
 * - Where the index is damaged itself, or after many damaged rows, offsets are tried: further and further on, then halving back.
 *   Rows in the midst of the damage may then be passed over.
 * - Rows that the table still has and the index has lost are damage too (`lost-rows.ts`). A backup has them again, since its
 *   indexes are made anew.
 */
import { asPartialFault, Contradiction, isDamage } from "../files/sqlite-error.ts";
import type { Read, StoredRow } from "../messages/messages.ts";
import { blob, integer } from "../sql/prepared.ts";
import type { PartitionId, RowHead } from "../storage.ts";
import { behindLost, lostByIndex } from "./lost-rows.ts";
import type { LogSql } from "./row-writer.ts";

/** Rows that are tried one after another. */
const ROWS_TRIED_MAX = 256;

export type ReadPage = Read & { readonly type: "read" };

export interface FoundRows {
  readonly rows: readonly StoredRow[];
  /** The size of the first, where it is larger than what was asked for. */
  readonly refusedBytes?: number;
}

export interface FoundHead extends RowHead {
  readonly maxTimestamp: number;
}

interface Damaged {
  readonly partition: PartitionId;
  /** Looking from here on met damage. */
  readonly from: number;
  /** The log's end: no further. */
  readonly end: number;
}

export class SoundRows {
  readonly #sql: LogSql;

  constructor(sql: LogSql) {
    this.#sql = sql;
  }

  /**
   * Row by row up to the first that cannot be read.
   * @throws StorageFault damaged where that is the first of all.
   */
  rows({ partition, from, bytesMax, firstBytesMax = Infinity }: ReadPage): FoundRows {
    const rows: StoredRow[] = [];
    let next = from;
    let bytes = 0;
    try {
      while (bytes < bytesMax) {
        const head = this.#sql.headFrom.first({ partition, from: next });
        if (!head || integer(head.base) > next) {
          const behind = behindLost(this.#sql, partition, next);
          if (behind !== null && rows.length > 0) break;
          if (behind !== null) throw asPartialFault(lostByIndex(), behind);
        }
        if (!head) break;
        const size = integer(head.bytes);
        if (rows.length === 0 && size > Math.max(bytesMax, firstBytesMax))
          return { rows, refusedBytes: size };
        bytes += size;
        if (rows.length > 0 && bytes > bytesMax) break;
        const row = this.#rowFrom(partition, next);
        if (!row) break;
        rows.push(row);
        next = row.last + 1;
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      if (rows.length === 0) throw asPartialFault(error, this.#behind(partition, next));
    }
    return { rows };
  }

  /** The first row from here on that can be read. */
  row(partition: PartitionId, from: number): StoredRow | null {
    try {
      return this.#rowFrom(partition, from);
    } catch (error) {
      if (!isDamage(error)) throw error;
      const next = this.#behind(partition, from);
      return next === null ? null : this.#rowFrom(partition, next);
    }
  }

  /** The first row from here on that can be found, whatever is of its data. */
  head(partition: PartitionId, from: number, end: number): FoundHead | null {
    const look = (at: number): FoundHead | null => {
      const row = this.#sql.headFrom.first({ partition, from: at });
      if (row) checkOrder(row, at);
      return row && { ...headOf(row), maxTimestamp: integer(row.maxTimestamp) };
    };
    try {
      return look(from);
    } catch (error) {
      if (!isDamage(error)) throw error;
      const next = soundOffset(this.#sql, { partition, from, end }, look);
      return next < end ? look(next) : null;
    }
  }

  /** Where rows can be read again, past an offset where they cannot. */
  #behind(partition: PartitionId, from: number): number | null {
    const bounds = this.#sql.getPartition.first({ id: partition });
    if (!bounds) return null;
    const damaged = { partition, from, end: integer(bounds.end) };
    return soundOffset(this.#sql, damaged, (offset) => this.#rowFrom(partition, offset));
  }

  #rowFrom(partition: PartitionId, from: number): StoredRow | null {
    const row = this.#sql.rowFrom.first({ partition, from });
    if (row) checkOrder(row, from);
    return row && { ...headOf(row), data: blob(row.data) };
  }
}

export function headOf(row: Readonly<Record<keyof RowHead, unknown>>): RowHead {
  return {
    base: integer(row.base),
    last: integer(row.last),
    epoch: integer(row.epoch),
    position: integer(row.position),
  };
}

/** A row that ends before where it was looked for: the index has it in a wrong place, and who went on behind it would go back. */
export function checkOrder({ last }: { readonly last: unknown }, from: number): void {
  if (integer(last) < from)
    throw new Contradiction(`a row that ends at ${integer(last)} is found from ${from} on`);
}

/** The first offset past `from` from which `look` meets no damage; the end where there is none below. */
function soundOffset(
  sql: LogSql,
  { partition, from, end }: Damaged,
  look: (from: number) => unknown,
): number {
  const isSound = (offset: number): boolean => !meetsDamage(() => look(offset));
  let damaged = from;
  for (let tried = 0; tried < ROWS_TRIED_MAX; tried += 1) {
    const last = lastOfRowAt(sql, partition, damaged);
    if (last === null) break;
    if (last + 1 >= end) return end;
    if (isSound(last + 1)) return last + 1;
    damaged = last + 1;
  }
  let sound = end;
  for (let step = 1; damaged + step < end; step *= 2) {
    const offset = damaged + step;
    if (isSound(offset)) {
      sound = offset;
      break;
    }
    damaged = offset;
  }
  while (sound - damaged > 1) {
    const middle = damaged + Math.floor((sound - damaged) / 2);
    if (isSound(middle)) sound = middle;
    else damaged = middle;
  }
  return Math.max(sound, from + 1);
}

/** By the index alone; null where it cannot be read there, or has no such row. */
function lastOfRowAt(sql: LogSql, partition: PartitionId, from: number): number | null {
  let last: number | null = null;
  meetsDamage(() => {
    const [place] = sql.placesFrom.all({ partition, from, limit: 1 });
    if (place) last = integer(place.last);
  });
  return last;
}

function meetsDamage(work: () => void): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return true;
  }
}
