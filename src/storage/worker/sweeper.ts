/**
 * Deletes at leisure what nobody can read any more, a bounded step at a time, and gives free pages back to the volume.
 *
 * - A step deletes at most 8 MiB, 500 rows, of 100 partitions (1 to 4 ms); what is dropped loses its epochs and receipts
 *   too, its number last, so that an interrupted sweep goes on where it stopped.
 * - Where a page that it needs is damaged, what it was about is left alone until the next start.
 * - Free pages are kept up to `FREE_PAGES_KEPT`, since the next appends will use them; what is beyond goes back. While the volume
 *   is short of space all of them go: appends need room outside of the file first.
 */
import type Database from "libsql";
import { present } from "../../lib/assert.ts";
import { LOG_PAGE_BYTES, pragma } from "../files/open.ts";
import { asPartialFault } from "../files/sqlite-error.ts";
import { checkEntry } from "./index-entry.ts";
import type { Leftover } from "./partition-table.ts";
import { integer } from "../sql/prepared.ts";
import { type PartitionId, StorageFault } from "../storage.ts";
import type { Writer } from "./writer.ts";

const SWEPT_BYTES_MAX = 8 * 1024 * 1024;
const SWEPT_ROWS_MAX = 500;
const SWEPT_PARTITIONS_MAX = 100;
const SWEPT_ABORTED_MAX = 5_000;
/** At 16 KiB: 16 MiB. */
const FREE_PAGES_KEPT = 1024;
/** Pages given back in one step: moving a page costs about as much as writing it. */
const VACUUMED_PAGES_MAX = 256;
/** The same while space is short: what they write must fit into the write-ahead log as it is. */
const VACUUMED_SHORT_PAGES_MAX = 32;
/** In one step: each is a page of its index. */
export const RECEIPTS_FORGOTTEN_MAX = 250;

/** What one step may still delete. */
interface Budget {
  rows: number;
  bytes: number;
  partitions: number;
}

export class Sweeper {
  readonly #writer: Writer;
  readonly #database: Database.Database;
  #freePages: number;

  constructor(writer: Writer, database: Database.Database) {
    this.#writer = writer;
    this.#database = database;
    this.#freePages = this.#countFree();
  }

  hasMore(isShort: boolean): boolean {
    return this.#writer.table.leftovers.size > 0 || this.#freePages > keptPages(isShort);
  }

  /** A commit has replaced rows by fewer bytes. */
  freed(): void {
    this.#freePages = this.#countFree();
  }

  /** One step: deletes some rows, of as many partitions as fit, or else gives some pages back. */
  sweep(isShort: boolean): void {
    const { leftovers } = this.#writer.table;
    if (leftovers.size > 0) {
      this.#deleteLeftovers();
      this.#freePages = this.#countFree();
      return;
    }
    const most = isShort ? VACUUMED_SHORT_PAGES_MAX : VACUUMED_PAGES_MAX;
    const excess = Math.min(this.#freePages - keptPages(isShort), most);
    const before = this.#freePages;
    this.#freePages = 0;
    if (excess > 0) this.#vacuum(excess);
    this.#freePages = this.#countFree();
    // A vacuum that frees nothing would be asked for without end.
    if (this.#freePages >= before) this.#freePages = 0;
  }

  #vacuum(pages: number): void {
    try {
      this.#database.exec(`pragma incremental_vacuum(${pages})`);
    } catch (error) {
      throw asPartialFault(error);
    }
  }

  #deleteLeftovers(): void {
    const { leftovers } = this.#writer.table;
    const budget = {
      rows: SWEPT_ROWS_MAX,
      bytes: SWEPT_BYTES_MAX,
      partitions: SWEPT_PARTITIONS_MAX,
    };
    const swept: PartitionId[] = [];
    let at: PartitionId | null = null;
    try {
      this.#writer.transaction(false, () => {
        for (const [partition, leftover] of leftovers) {
          at = partition;
          budget.partitions -= 1;
          if (this.#deleteSome(partition, leftover, budget)) swept.push(partition);
          if (budget.rows <= 0 || budget.bytes <= 0 || budget.partitions <= 0) break;
        }
      });
    } catch (error) {
      // It would meet the damage each time, and keep the others from being swept.
      if (error instanceof StorageFault && error.kind === "damaged" && at !== null)
        leftovers.delete(at);
      throw error;
    }
    for (const partition of swept) leftovers.delete(partition);
  }

  /** Forgets some expired receipts; true when there may be more. */
  forget(nowMs: number): boolean {
    let forgotten = 0;
    this.#writer.transaction(false, () => {
      const limit = RECEIPTS_FORGOTTEN_MAX;
      forgotten = this.#writer.sql.forgetReceipts.run({ nowMs, limit }).changes;
    });
    return forgotten === RECEIPTS_FORGOTTEN_MAX;
  }

  /** Deletes a partition's oldest rows within the budget; once none is left, its other traces, and true. */
  #deleteSome(partition: PartitionId, { dropped, below }: Leftover, budget: Budget): boolean {
    const { sql, table } = this.#writer;
    const rows = sql.rowsBelow.all({
      partition,
      below: Math.min(below, Number.MAX_SAFE_INTEGER),
      limit: budget.rows,
    });
    let last = -1;
    for (const row of rows) {
      // It would take another log's row.
      checkEntry(row, partition);
      if (last >= 0 && integer(row.bytes) > budget.bytes) break;
      budget.bytes -= integer(row.bytes);
      budget.rows -= 1;
      last = integer(row.last);
    }
    if (last >= 0) {
      sql.deleteRowsTo.run({ partition, last });
      return false;
    }
    const ended = Math.min(below, Number.MAX_SAFE_INTEGER);
    const limit = SWEPT_ABORTED_MAX;
    if (sql.deleteAbortedBelow.run({ partition, below: ended, limit }).changes === limit) {
      budget.rows = 0;
      return false;
    }
    if (dropped) {
      sql.deleteProducers.run({ partition });
      sql.deleteEpochs.run({ partition });
      sql.deleteReceipts.run({ partition });
      sql.deletePartition.run({ id: partition });
    } else {
      const state = present(table.state(partition), "only a dropped partition has no state");
      sql.sweptPartition.run({ id: partition, sweptTo: Math.min(below, state.logStart) });
    }
    return true;
  }

  /** Pages in the file that the next appends may take. */
  countFreeBytes(): number {
    return this.#countFree() * LOG_PAGE_BYTES;
  }

  #countFree(): number {
    return integer(pragma(this.#database, "freelist_count"));
  }
}

function keptPages(isShort: boolean): number {
  return isShort ? 0 : FREE_PAGES_KEPT;
}
