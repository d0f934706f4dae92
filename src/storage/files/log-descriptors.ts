/**
 * Descriptors of `log.db` and its write-ahead log, for readers that go past SQLite.
 *
 * - SQLite's locks on a file are the process's, and closing any descriptor of that file gives them up. A connection that was
 *   closed may still be there until its statements are collected, and a next one relies on the lock that it took: a
 *   database's descriptor stays open until its file is gone from its place, and serves whoever opens it again.
 * - The write-ahead log has no locks of its own.
 */
import { closeSync, fstatSync, openSync, statSync } from "node:fs";

export interface LogDescriptors {
  readonly database: number;
  readonly wal: number;
}

/** Databases that were opened, by their path. */
const databases = new Map<string, { readonly descriptor: number; users: number }>();

/** Null where there are none to be had: SQLite is asked for everything then. A connection to the database is open. */
export function openLogFiles(directory: string): LogDescriptors | null {
  closeThoseGone();
  const path = `${directory}/log.db`;
  try {
    const database = databases.get(path) ?? { descriptor: openSync(path, "r"), users: 0 };
    databases.set(path, database);
    const wal = openSync(`${path}-wal`, "r");
    database.users += 1;
    return { database: database.descriptor, wal };
  } catch {
    return null;
  }
}

/** Nobody reads by them any more. */
export function closeLogFiles(files: LogDescriptors | null): void {
  if (!files) return;
  closeSync(files.wal);
  for (const database of databases.values())
    if (database.descriptor === files.database) database.users -= 1;
  closeThoseGone();
}

function closeThoseGone(): void {
  for (const [path, { descriptor, users }] of databases)
    if (users === 0 && !isFile(descriptor, path)) {
      databases.delete(path);
      closeSync(descriptor);
    }
}

/** Whether the descriptor is of the file that has this path. */
export function isFile(descriptor: number, path: string): boolean {
  try {
    const [ours, named] = [fstatSync(descriptor), statSync(path)];
    return ours.ino === named.ino && ours.dev === named.dev;
  } catch {
    return false;
  }
}
