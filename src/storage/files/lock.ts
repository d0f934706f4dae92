/**
 * One process a folder: `lock.db` is held by an open write transaction for the process's life, which the kernel ends with
 * it, however it dies. Its one row names the holder, for whoever comes second.
 *
 * - The row is written over the last one, with a journal that stays: that takes no room. Where it does all the same (a file
 *   of before, a file system that copies on writing) a full disk keeps the row of the last holder, and the lock is held.
 *
 * SQLite's locks belong to the process: nobody may open the files of a folder in use by other means than SQLite (closing
 * such a handle would drop the locks), nor keep the folder on a network file system.
 */
import Database from "libsql";
import { FolderInUse, type Holder } from "./folder-error.ts";
import { isBusy, isDamage, lacksRoomToOpen } from "./sqlite-error.ts";
import { StorageFault } from "../storage.ts";

/** Held until `release`, or the end of the process. */
export interface FolderLock {
  release(): void;
}

/** What is said of such a file, after its name. */
export const LOCK_DAMAGED =
  "is damaged: delete that file, which holds no data; the next start makes it anew";

export function lockFolder(directory: string, holder: Holder): FolderLock {
  const database = new Database(`${directory}/lock.db`, { timeout: 0 });
  try {
    database.exec("pragma journal_mode = persist");
    // In a transaction of its own: the next one leaves a journal of all pages.
    database.exec("CREATE TABLE IF NOT EXISTS holder (pid integer, host text, started_ms integer)");
    database.exec("BEGIN IMMEDIATE");
    name(database, holder);
    if (!database.inTransaction) database.exec("BEGIN IMMEDIATE");
  } catch (error) {
    const first = readHolder(database);
    database.close();
    if (isBusy(error)) throw new FolderInUse(directory, first);
    if (isDamage(error))
      throw new StorageFault("io", `${directory}/lock.db ${LOCK_DAMAGED}`, { cause: error });
    throw error;
  }
  return {
    release() {
      database.exec("ROLLBACK");
      database.close();
    },
  };
}

/** Ends the transaction, unless there is no room for the name. */
function name(database: Database.Database, { pid, host, startedMs }: Holder): void {
  try {
    database.exec("DELETE FROM holder");
    database.prepare("INSERT INTO holder VALUES (?, ?, ?)").run([pid, host, startedMs]);
    database.exec("COMMIT");
  } catch (error) {
    if (!lacksRoomToOpen(error)) throw error;
    // The engine may have ended it by itself.
    if (database.inTransaction) database.exec("ROLLBACK");
  }
}

function readHolder(database: Database.Database): Holder | null {
  try {
    const row: unknown = database.prepare("SELECT * FROM holder").raw().get([]);
    if (!Array.isArray(row)) return null;
    const [pid, host, startedMs] = row;
    return { pid: Number(pid), host: String(host), startedMs: Number(startedMs) };
  } catch {
    return null; // The first has only just come and written nothing yet.
  }
}
