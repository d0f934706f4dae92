/**
 * Descriptors of `log.db` and its write-ahead log, for readers that go past SQLite.
 *
 * SQLite's locks on a file are the process's, and closing any descriptor of that file gives them up: these are closed once no
 * connection is open any more, and not before.
 */
import { closeSync, openSync } from "node:fs";

export interface LogDescriptors {
  readonly database: number;
  readonly wal: number;
}

/** Null where there are none to be had: SQLite is asked for everything then. A connection to the database is open. */
export function openLogFiles(directory: string): LogDescriptors | null {
  try {
    // In this order: closing the first of them, where the other cannot be opened, gives up no lock.
    const wal = openSync(`${directory}/log.db-wal`, "r");
    return { wal, database: openSync(`${directory}/log.db`, "r") };
  } catch {
    return null;
  }
}

/** No connection of this process to the database may be open any more. */
export function closeLogFiles(files: LogDescriptors | null): void {
  if (files) for (const descriptor of [files.database, files.wal]) closeSync(descriptor);
}
