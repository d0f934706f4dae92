/**
 * Opens a database file of ours: every pragma set and read back, migrations applied, a newer format refused untouched.
 *
 * - The format is `PRAGMA user_version`: the number of migrations applied, in one transaction with it.
 * - Opening a file that stands writes nothing. SQLite wants room for the index of the write-ahead log (`-shm`, 32 KiB): where
 *   the disk has none, the index is in memory (SQLite's `unix-excl`), and until the file is closed no other process can read it.
 * - The drizzle-kit files are read from `migrations/` beside `src/`.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { pathToFileURL } from "node:url";
import Database from "libsql";
import { assert } from "../../lib/assert.ts";
import { NewerFormat } from "./folder-error.ts";
import { isBusy, lacksRoomToOpen } from "./sqlite-error.ts";

export type DatabaseKind = "log" | "raft";

export interface OpenOptions {
  readonly path: string;
  readonly kind: DatabaseKind;
  readonly pageBytes: 4096 | 16_384;
  readonly cacheBytes: number;
  /** Waits this long for another process that holds the write lock (a person with a SQLite tool). */
  readonly busyMs: number;
}

export const LOG_PAGE_BYTES = 16_384;
/** Smaller, since its commits are. */
export const RAFT_PAGE_BYTES = 4096;
const USER_VERSION_AT = 60;
const MAGIC = "SQLite format 3\0";
/** More than kedge will ever have: past it, somebody else counts there. */
const FORMATS_MAX = 10_000;
const BEGIN_ATTEMPTS_MAX = 12;
/** Kept in the file, where its first writer put them: setting them takes space, which a full disk does not have. */
const PRAGMAS_OF_THE_FILE = new Set(["page_size", "auto_vacuum", "journal_mode"]);
/** A write-ahead log that grew past this is cut back when it restarts. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024;

export interface OpenedDatabase {
  readonly database: Database.Database;
  /** There was no room for the index of the write-ahead log: whoever opens the file beside must know. */
  readonly indexInMemory: boolean;
}

export function openDatabase(options: OpenOptions): OpenedDatabase {
  const { path } = options;
  const migrations = readMigrations(options.kind);
  if (!isDatabaseOfOurs(path)) throw new NewerFormat(`${path} ${NOT_OURS}`);
  refuseNewer(path, fileVersion(path), migrations.length);
  const opened = connectWithIndex(path, options.busyMs);
  prepare(opened.database, () => {
    setPragmas(opened.database, options);
    migrate(opened.database, path, migrations);
  });
  return opened;
}

/** Opens an existing file a second time, for reading beside its writer; no migration. */
export function openBeside(options: OpenOptions, indexInMemory: boolean): Database.Database {
  const database = connect(options.path, options.busyMs, indexInMemory);
  prepare(database, () => setPragmas(database, options, PRAGMAS_OF_THE_FILE));
  return database;
}

/** A connection to a file that no other process has, its write-ahead log's index where there is room for it. */
export function connectWithIndex(path: string, busyMs: number): OpenedDatabase {
  const open = (indexInMemory: boolean): OpenedDatabase => {
    const database = connect(path, busyMs, indexInMemory);
    // Not prepared: a prepared statement that failed would keep the connection, and the index that it could not make.
    prepare(database, () => database.exec("pragma user_version"));
    return { database, indexInMemory };
  };
  try {
    return open(false);
  } catch (error) {
    if (!lacksRoomToOpen(error)) throw error;
    return open(true);
  }
}

function connect(path: string, busyMs: number, indexInMemory: boolean): Database.Database {
  const name = indexInMemory ? `${pathToFileURL(path).href}?vfs=unix-excl` : path;
  return new Database(name, { timeout: busyMs });
}

/** Closes the connection where `work` on it fails. */
function prepare(database: Database.Database, work: () => void): void {
  try {
    work();
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Waits for whoever else has the write lock (a person with a SQLite tool): twelve times the busy time-out. */
export function begin(database: Database.Database): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      database.exec("BEGIN IMMEDIATE");
      return;
    } catch (error) {
      if (!isBusy(error) || attempt === BEGIN_ATTEMPTS_MAX) throw error;
    }
  }
}

/** A pragma's value as the connection has it now. */
export function pragma(database: Database.Database, source: string): unknown {
  const row: unknown = database.prepare(`pragma ${source}`).raw().get([]);
  return Array.isArray(row) ? row[0] : undefined;
}

function setPragmas(
  database: Database.Database,
  options: OpenOptions,
  onlyChecked: ReadonlySet<string> = new Set(),
): void {
  const cachePages = -Math.ceil(options.cacheBytes / 1024);
  // In this order: the page size and vacuum mode bind only while the file is empty and not yet in WAL mode.
  const wanted: readonly (readonly [string, number | string])[] = [
    ["page_size", options.pageBytes],
    ["auto_vacuum", 2],
    ["journal_mode", "wal"],
    ["synchronous", 2],
    ["busy_timeout", options.busyMs],
    ["cache_size", cachePages],
    ["wal_autocheckpoint", 0],
    ["journal_size_limit", WAL_KEPT_BYTES],
    ["temp_store", 2],
    ["fullfsync", 1],
    ["checkpoint_fullfsync", 1],
  ];
  for (const [name, value] of wanted) {
    if (onlyChecked.has(name)) continue;
    if (PRAGMAS_OF_THE_FILE.has(name) && pragma(database, name) === value) continue;
    database.exec(`pragma ${name} = ${value}`);
  }
  for (const [name, value] of wanted) {
    const actual = pragma(database, name);
    assert(actual === value, `${options.path} has ${name} ${String(actual)}, not ${value}`);
  }
}

export function readMigrations(kind: DatabaseKind): readonly string[] {
  const folder = new URL(`../../../migrations/${kind}/`, import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  return files.toSorted().map((name) => readFileSync(new URL(name, folder), "utf8"));
}

/** The version in the file's header, without SQLite, so that a file not ours to open is not touched. */
export function fileVersion(path: string): number {
  if (!existsSync(path)) return 0;
  const header = new DataView(new ArrayBuffer(4));
  const file = openSync(path, "r");
  try {
    return readSync(file, header, 0, 4, USER_VERSION_AT) === 4 ? header.getUint32(0) : 0;
  } finally {
    closeSync(file);
  }
}

/** What is said of such a file, after its name. */
export const NOT_OURS =
  "is no database of kedge's, or its beginning is damaged: restore a backup, or choose another folder";

/** Whether it may be one, by its head: SQLite's, with a format that some kedge may have; so is a file that is empty. */
export function isDatabaseOfOurs(path: string): boolean {
  if (!existsSync(path)) return true;
  const head = Buffer.alloc(MAGIC.length);
  const file = openSync(path, "r");
  try {
    const length = readSync(file, head, 0, MAGIC.length, 0);
    if (length === 0) return true;
  } finally {
    closeSync(file);
  }
  return head.toString("latin1") === MAGIC && fileVersion(path) <= FORMATS_MAX;
}

function refuseNewer(path: string, version: number, known: number): void {
  if (version <= known) return;
  throw new NewerFormat(
    `${path} has format ${version}; this kedge knows formats up to ${known}: run the newer kedge that wrote it`,
  );
}

function migrate(database: Database.Database, path: string, migrations: readonly string[]): void {
  const version = pragma(database, "user_version");
  assert(typeof version === "number", "user_version is a number");
  refuseNewer(path, version, migrations.length);
  if (version === migrations.length) return;
  const missing = [...migrations.slice(version), `pragma user_version = ${migrations.length}`];
  database.exec(`BEGIN IMMEDIATE;\n${missing.join(";\n")};\nCOMMIT;`);
}
