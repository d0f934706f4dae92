/**
 * Rows around damaged pages of `log.db`: what stands before them, and where reading may go on behind. That is found by trying, so
 * that SQLite is the judge, and each row is asked whether it is the one that the index says.
 *
 * - A search in the index that meets an entry which is not right may end anywhere. So all entries of the log are gone through
 *   then, by the index alone, for the nearest whose rows are right: one flipped bit hides one row, and that is told.
 * - Where the index cannot be read itself, or after many damaged rows, offsets are tried: further and further on, then halving
 *   back. Rows in the midst of the damage may then be passed over.
 * - Rows that the table still has and the index has lost are damage too (`lost-rows.ts`). A copy that `kedge doctor --repair`
 *   makes has them again, since its indexes are made anew.
 */
import { asPartialFault, isDamage } from "../files/sqlite-error.ts";
import type { Read, StoredRow } from "../messages/messages.ts";
import { blob, integer } from "../sql/prepared.ts";
import type { PartitionId, RowHead } from "../storage.ts";
import { checked, checkOrder, misled } from "./index-entry.ts";
import { isLostBetween, isLostFrom, lostByIndex } from "./lost-rows.ts";
import type { LogSql } from "./row-writer.ts";

export type ReadPage = Read & { readonly type: "read" };

export interface FoundRows {
  readonly rows: readonly StoredRow[];
  /** The size of the first, where it is larger than what was asked for. */
  readonly refusedBytes?: number;
}

export interface FoundHead extends RowHead {
  readonly maxTimestamp: number;
}

type HeadRow = Readonly<
  Record<keyof FoundHead | "id" | "bytes", unknown> & { readonly partition: unknown }
>;

/** What a row is looked at for: its head, or all of it. */
type Look<T> = (row: HeadRow) => T;

/** The row from an offset on, or where to go on behind the damage that hides it. */
type Found<T> = { readonly row: T | null } | { readonly error: unknown; readonly next: number };

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
    const firstMax = Math.max(bytesMax, firstBytesMax);
    let next = from;
    let bytes = 0;
    while (bytes < bytesMax) {
      const found = this.#find<StoredRow | number>(partition, next, (head) => {
        const size = integer(head.bytes);
        const isTooLarge = rows.length === 0 ? size > firstMax : bytes + size > bytesMax;
        return isTooLarge ? size : this.#stored(head);
      });
      if ("error" in found) {
        if (rows.length === 0) throw asPartialFault(found.error, found.next);
        break;
      }
      const { row } = found;
      if (row === null) break;
      if (typeof row === "number")
        return rows.length === 0 ? { rows, refusedBytes: row } : { rows };
      bytes += row.data.byteLength;
      rows.push(row);
      next = row.last + 1;
    }
    return { rows };
  }

  /** The first row from here on that can be read. */
  row(partition: PartitionId, from: number): StoredRow | null {
    return this.#firstFrom(partition, from, (head) => this.#stored(head));
  }

  /** The first row from here on that can be found, whatever is of its data. */
  head(partition: PartitionId, from: number): FoundHead | null {
    return this.#firstFrom(partition, from, (row) => ({
      ...headOf(row),
      maxTimestamp: integer(row.maxTimestamp),
    }));
  }

  #firstFrom<T>(partition: PartitionId, from: number, look: Look<T>): T | null {
    const found = this.#find(partition, from, look);
    if (!("error" in found)) return found.row;
    const behind = this.#find(partition, found.next, look);
    return "error" in behind ? null : behind.row;
  }

  #find<T>(partition: PartitionId, from: number, look: Look<T>): Found<T> {
    try {
      const head = this.#search(partition, from);
      const begins = head ? integer(head.base) : Infinity;
      if (begins > from && isLostFrom(this.#sql, partition, from)) throw lostByIndex();
      return { row: head && look(head) };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#findByAll(partition, from, look, error);
    }
  }

  /** By a search in the index. */
  #search(partition: PartitionId, from: number): HeadRow | null {
    const head = checked(this.#sql.headFrom.first({ partition, from }), partition);
    if (head) checkOrder(head, from);
    return head;
  }

  /** By all entries of the log; `error` says why a search does not do. */
  #findByAll<T>(partition: PartitionId, from: number, look: Look<T>, error: unknown): Found<T> {
    const bounds = this.#sql.getPartition.first({ id: partition });
    if (!bounds || from >= integer(bounds.end)) return { row: null };
    const end = integer(bounds.end);
    const after = this.#nearest(
      () => this.#sql.entriesFrom.all({ partition, from }),
      partition,
      (head) => ({ head, row: look(head) }),
    );
    if (!after) return { error, next: this.#tried(partition, from, end, look) };
    const { head, row } = after.found;
    const base = integer(head.base);
    if (base <= from) return { row };
    const before = this.#nearest(
      () => this.#sql.entriesBefore.all({ partition, before: from }),
      partition,
      (found) => found,
    );
    const around = { before: before?.found ?? null, after: head, hasUnsound: after.hasSkipped };
    const isLost = meetsDamage(() => {
      if (isLostBetween(this.#sql, partition, from, around)) throw lostByIndex();
    });
    return isLost ? { error, next: base } : { row };
  }

  /** The first of these entries whose row is the right one, and can be looked at; whether others came before it. */
  #nearest<T>(
    entries: () => readonly { readonly id: unknown; readonly last: unknown }[],
    partition: PartitionId,
    look: Look<T>,
  ): { readonly found: T; readonly hasSkipped: boolean } | null {
    for (const [at, { id, last }] of (soundly(entries) ?? []).entries()) {
      const found = soundly(() => {
        const head = this.#sql.headById.first({ id: integer(id) });
        if (head?.partition !== partition || head.last !== last) throw misled(partition, last);
        return look(head);
      });
      if (found !== null) return { found, hasSkipped: at > 0 };
    }
    return null;
  }

  /** The first offset past `from` from which a search leads to a row that can be looked at; the end where there is none below. */
  #tried(partition: PartitionId, from: number, end: number, look: Look<unknown>): number {
    const isSound = (offset: number): boolean =>
      !meetsDamage(() => {
        const head = this.#search(partition, offset);
        if (!head) throw lostByIndex();
        look(head);
      });
    let damaged = from;
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
    return sound;
  }

  #stored(head: HeadRow): StoredRow {
    const row = this.#sql.rowById.first({ id: integer(head.id) });
    if (!row) throw lostByIndex();
    return { ...headOf(row), data: blob(row.data) };
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

/** What `work` gives; null where it meets damage. */
function soundly<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return null;
  }
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
