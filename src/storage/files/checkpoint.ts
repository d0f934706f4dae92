/**
 * Copies back what can be of a write-ahead log without waiting for anybody, and tells how far that went.
 *
 * Source: https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
 */
import type Database from "libsql";

export interface Checkpoint {
  /** Pages that the log held: 0 where that could not be told, since somebody else copies. */
  readonly pages: number;
  /** The next commit can begin the log anew. */
  readonly isWhole: boolean;
}

/** @throws what the engine says, of a full disk too; what was copied until then is copied. */
export function checkpoint(database: Database.Database): Checkpoint {
  const row: unknown = database.prepare("pragma wal_checkpoint(passive)").raw().get([]);
  const [busy = 1, log = -1, copied = -1] = Array.isArray(row) ? row.map(Number) : [];
  return { pages: Math.max(0, log), isWhole: busy === 0 && log > 0 && log === copied };
}
