/**
 * Descriptors of `log.db`, its write-ahead log and that log's index, for readers that go past SQLite.
 *
 * - SQLite's locks on a database and on the index are the process's, and closing any descriptor of such a file gives them up. A
 *   connection that was closed may still be there until its statements are collected, and a next one relies on the lock that
 *   it took: these descriptors stay open until their file is gone from its place, and serve whoever opens it again.
 * - The write-ahead log has no locks of its own.
 */
import { closeSync, fstatSync, openSync, statSync } from "node:fs";

export interface LogDescriptors {
  readonly database: number;
  readonly wal: number;
  readonly index: number;
}

interface Kept {
  readonly path: string;
  readonly descriptor: number;
  users: number;
}

/** Files with locks that were opened. */
const kept = new Set<Kept>();

/** Null where there are none to be had: SQLite is asked for everything then. A connection to the database is open. */
export function openLogFiles(directory: string): LogDescriptors | null {
  closeThoseGone();
  const path = `${directory}/log.db`;
  try {
    const [database, index] = [keep(path), keep(`${path}-shm`)];
    const wal = openSync(`${path}-wal`, "r");
    database.users += 1;
    index.users += 1;
    return { database: database.descriptor, wal, index: index.descriptor };
  } catch {
    return null;
  }
}

/** Nobody reads by them any more. */
export function closeLogFiles(files: LogDescriptors | null): void {
  if (!files) return;
  closeSync(files.wal);
  for (const file of kept)
    if (file.descriptor === files.database || file.descriptor === files.index) file.users -= 1;
  closeThoseGone();
}

/** The file that is at this place now. */
function keep(path: string): Kept {
  for (const file of kept) if (file.path === path && isFile(file.descriptor, path)) return file;
  const file = { path, descriptor: openSync(path, "r"), users: 0 };
  kept.add(file);
  return file;
}

function closeThoseGone(): void {
  for (const file of kept) {
    if (file.users > 0 || isFile(file.descriptor, file.path)) continue;
    kept.delete(file);
    closeSync(file.descriptor);
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
