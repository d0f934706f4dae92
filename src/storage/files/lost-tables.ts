/**
 * What a damaged write-ahead log can make of a database, told before anything is written, so that what can be saved of the files
 * still can be: no tables, which would be made anew, or pages of different times.
 */
import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import Database from "libsql";
import { StorageFault } from "../storage.ts";
import { fileVersion, isDatabaseOfOurs } from "./open.ts";
import { isDamage, lacksRoomToOpen, lacksTable } from "./sqlite-error.ts";

/**
 * Whether a file of before has no such table, as where its write-ahead log is damaged from the beginning on; writes nothing,
 * not even to that. Where there is no room to look it has: nothing is written then either.
 */
export function lacksItsTable(path: string, table: string, busyMs: number): boolean {
  // What was copied back into the file stays; what is no database is told by whoever opens it.
  if (!isDatabaseOfOurs(path) || fileVersion(path) > 0) return false;
  let database: Database.Database | null = null;
  try {
    database = openReadOnly(path, busyMs);
    // Not prepared: a prepared statement would keep the connection.
    database.exec(`SELECT 1 FROM ${table}`);
    return false;
  } catch (error) {
    if (lacksTable(error)) return true;
    if (lacksRoomToOpen(error)) return false;
    throw error;
  } finally {
    database?.close();
  }
}

/**
 * The first start makes `raft.db` once the tables of `log.db` are on the disk: without them, offsets would be given again.
 * Of a write-ahead log that is damaged further back SQLite replays what lies before: `wal-damage.ts`.
 */
export function refuseLostTables(directory: string, busyMs: number): void {
  const path = `${directory}/log.db`;
  const raft = statSync(`${directory}/raft.db`, { throwIfNoEntry: false });
  if (!raft?.size || !statSync(path, { throwIfNoEntry: false })?.size) return;
  if (!lacksItsTable(path, "partitions", busyMs)) return;
  throw new StorageFault(
    "io",
    "log.db, or its write-ahead log log.db-wal, is damaged: it has nothing of what raft.db knows. Nothing was changed: restore a backup of both files",
  );
}

/**
 * A checkpoint may have copied frames back that lie behind the damage: what is replayed then lays older pages over newer ones.
 * Where those do not fit together nothing is opened for writing. Reads the whole file, which only a damaged log costs.
 */
export function refuseMixedPages(directory: string, busyMs: number): void {
  if (isWhole(`${directory}/log.db`, busyMs)) return;
  throw new StorageFault(
    "io",
    "log.db-wal is damaged, and what can be replayed of it does not fit what log.db holds. Nothing was changed: restore a backup of both files",
  );
}

/** By SQLite's own check; what there is no room to look at counts as whole. */
function isWhole(path: string, busyMs: number): boolean {
  if (!isDatabaseOfOurs(path) || fileVersion(path) === 0) return true;
  let database: Database.Database | null = null;
  try {
    database = openReadOnly(path, busyMs);
    const rows: unknown[] = database.prepare("pragma integrity_check(1)").raw().all([]);
    return rows.flat().join() === "ok";
  } catch (error) {
    if (isDamage(error)) return false;
    if (lacksRoomToOpen(error)) return true;
    throw error;
  } finally {
    database?.close();
  }
}

/** Such a connection copies nothing back when it is closed. */
function openReadOnly(path: string, busyMs: number): Database.Database {
  return new Database(`${pathToFileURL(path).href}?mode=ro`, { timeout: busyMs });
}
