/**
 * What the engine's errors mean to us.
 */
import { errorCode } from "../../lib/error-code.ts";
import { StorageFault } from "../storage.ts";

/** What is read of a file cannot be, though SQLite sees nothing wrong with it: a page is damaged. As the engine's own error. */
export class Contradiction extends Error {
  override readonly name = "Contradiction";
  readonly code = "SQLITE_CORRUPT";
}

/** The index of the write-ahead log could not be made longer, or not made. */
const ROOM_TO_OPEN = new Set(["SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_SHMOPEN", "SQLITE_CANTOPEN"]);

/** SQLITE_CORRUPT_INDEX, which the driver has no name for: a row is changed, and its index has no entry for it. */
const CORRUPT_INDEX = `UNKNOWN_SQLITE_ERROR_${11 | (3 << 8)}`;

/** What the engine says of it is of little use to who starts a node. */
const DAMAGED_FILE =
  'a database file is damaged; "kedge doctor --data" tells which, to be restored from a backup';

/** Space is short: nothing was applied, and writes may come back. */
export function isFull(error: unknown): boolean {
  return errorCode(error).startsWith("SQLITE_FULL");
}

/** The same of any write to a file. */
export function lacksRoom(error: unknown): boolean {
  return isFull(error) || ["ENOSPC", "EDQUOT"].includes(errorCode(error));
}

/** A file could not be opened for want of room: SQLite tells apart what it wanted room for. */
export function lacksRoomToOpen(error: unknown): boolean {
  return isFull(error) || ROOM_TO_OPEN.has(errorCode(error));
}

export function isBusy(error: unknown): boolean {
  return errorCode(error).startsWith("SQLITE_BUSY");
}

/** The file is no database any more, or parts of it contradict each other. */
export function isDamage(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_NOTADB") || code === CORRUPT_INDEX
  );
}

/** A statement does not fit the schema of the file, whose format is known: damage has changed the one or the other. */
export function isOfSchema(error: unknown): boolean {
  const words = error instanceof Error ? error.message : "";
  const isOf =
    /^no such (?:table|column)|already exists$|^duplicate column|^malformed database schema/;
  return errorCode(error) === "SQLITE_ERROR" && isOf.test(words);
}

export function lacksTable(error: unknown): boolean {
  return error instanceof Error && error.message.includes("no such table");
}

/** The guard's CHECK refused: another epoch or end. */
export function isGuard(error: unknown): boolean {
  return errorCode(error) === "SQLITE_CONSTRAINT_CHECK";
}

export function asFault(error: unknown, outcome: StorageFault["outcome"]): StorageFault {
  if (error instanceof StorageFault) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isFull(error))
    return new StorageFault(
      "full",
      `the data folder's disk is full; free or add space: ${message}`,
    );
  const words = isDamage(error) || isOfSchema(error) ? DAMAGED_FILE : "the disk failed";
  return new StorageFault("io", `${words}: ${message}`, { outcome, cause: error });
}

/** The same for what a part of `log.db` threw that leaves the rest of it as it is; `next` is where a read may go on. */
export function asPartialFault(error: unknown, next: number | null = null): StorageFault {
  if (error instanceof StorageFault || !isDamage(error)) return asFault(error, "none");
  const message = error instanceof Error ? error.message : String(error);
  return new StorageFault("damaged", `a page of log.db is damaged (${message}).`, {
    next,
    cause: error,
  });
}

/**
 * A transaction's failure. When its COMMIT failed the engine has taken it back, but its frames may stand in the
 * write-ahead log, for the next process to find: nobody knows.
 */
export function commitFault(error: unknown, committing: boolean): StorageFault {
  return asFault(error, committing && !isFull(error) ? "unknown" : "none");
}
