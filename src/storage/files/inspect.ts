/**
 * Looks at the database files of a folder that no node has open: formats, SQLite's own check, and every record batch.
 * It changes nothing but what SQLite does when a file is opened after a crash.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "libsql";
import { errorCode } from "../../lib/error-code.ts";
import { Bug } from "../../lib/assert.ts";
import { checkRow, type StoredBatches } from "../../records/stored-row.ts";
import {
  connectWithIndex,
  fileVersion,
  isDatabaseOfOurs,
  LOG_PAGE_BYTES,
  pragma,
  RAFT_PAGE_BYTES,
  readMigrations,
  type DatabaseKind,
} from "./open.ts";
import { MetadataLost } from "./folder-error.ts";
import { PartitionTable } from "../worker/partition-table.ts";
import { readMetadata } from "../sql/stored-metadata.ts";
import { type PartitionId, type PartitionState, StorageFault } from "../storage.ts";
import { findWalDamage, type WalDamage } from "./wal-damage.ts";
import { isDamage, lacksTable } from "./sqlite-error.ts";
import { blob, integer, prepareAll, text } from "../sql/prepared.ts";
import { logStatements } from "../sql/statements.ts";
import { raftStatements } from "../sql/statements-raft.ts";

export interface FileFormat {
  readonly name: string;
  readonly found: boolean;
  /** By its head it may be a database of kedge's. */
  readonly isOurs: boolean;
  readonly format: number;
  /** The format that this kedge writes. */
  readonly known: number;
}

const files: readonly {
  readonly name: "log.db" | "raft.db";
  readonly kind: DatabaseKind;
  readonly pageBytes: number;
}[] = [
  { name: "log.db", kind: "log", pageBytes: LOG_PAGE_BYTES },
  { name: "raft.db", kind: "raft", pageBytes: RAFT_PAGE_BYTES },
];

export function inspectFormats(directory: string): FileFormat[] {
  return files.map(({ name, kind }) => {
    const path = join(directory, name);
    const known = readMigrations(kind).length;
    const isOurs = isDatabaseOfOurs(path);
    return { name, found: existsSync(path), isOurs, format: fileVersion(path), known };
  });
}

/** Write-ahead logs that are damaged, which opening their files would hide: to be looked for first. */
export function findDamagedWals(
  directory: string,
): { name: "log.db" | "raft.db"; damage: WalDamage }[] {
  return files.flatMap(({ name, pageBytes }) => {
    const damage = findWalDamage(join(directory, `${name}-wal`), pageBytes);
    return damage ? [{ name, damage }] : [];
  });
}

/** What is said of a file that is not, after its name. */
export { NOT_OURS } from "./open.ts";

/** What SQLite finds wrong with a file's structure; empty when it is whole. */
export function checkStructure(directory: string, name: string): string[] {
  return withDatabase(join(directory, name), (database) => {
    return wrongWords(database.prepare("pragma quick_check(20)").raw().all([]));
  });
}

/** Where indexes of a whole file differ from their tables; that of rows is compared as they are read (`scanLogs`). */
export function checkIndexes(directory: string, name: string): string[] {
  return withDatabase(join(directory, name), (database) =>
    indexedTables(database)
      .filter((table) => table !== "rows")
      .flatMap((table) =>
        wrongWords(database.prepare(`pragma integrity_check('${table}')`).raw().all([])),
      )
      .slice(0, DAMAGE_MAX),
  );
}

function wrongWords(found: readonly unknown[]): string[] {
  return found
    .map((row) => (Array.isArray(row) ? String(row[0]) : String(row)))
    .filter((words) => words !== "ok");
}

function indexedTables(database: Database.Database): string[] {
  const query = "select distinct tbl_name from sqlite_schema where type = 'index'";
  return database.prepare(query).raw().all([]).flat().map(String);
}

/** Whether what `checkStructure` found is of indexes alone: a copy has them anew, and all that the tables have. */
export function isOfIndexes(directory: string, name: string, damage: readonly string[]): boolean {
  return withDatabase(join(directory, name), (database) => {
    const pages: unknown[] = database
      .prepare(
        "select pageno from dbstat where name in (select name from sqlite_schema where type = 'index')",
      )
      .raw()
      .all([]);
    const indexes = new Set(pages.flat().map(Number));
    // SQLite gives several lines as one, the first of them a title.
    const lines = damage
      .flatMap((words) => words.split("\n"))
      .filter((line) => !line.startsWith("***"));
    return lines.every((line) => indexes.has(Number(/\bpage (\d+)/i.exec(line)?.[1])));
  });
}

/** The cluster and node that a folder belongs to; null before its first start. */
export function readIdentity(directory: string): { clusterId: string; nodeId: number } | null {
  return withDatabase(join(directory, "raft.db"), (database) => {
    try {
      const row = prepareAll(database, raftStatements).getIdentity.first({});
      return row && { clusterId: text(row.clusterId), nodeId: integer(row.nodeId) };
    } catch (error) {
      if (lacksTable(error)) return null;
      throw error;
    }
  });
}

export interface KnownLogs {
  readonly logs: readonly PartitionState[];
  /** Of these their own row does not say what topic they are of: an index does. */
  readonly unnamed: readonly PartitionId[];
}

/** The logs as a start finds them. @throws StorageFault damaged where they cannot be read. */
export function readLogs(directory: string): KnownLogs {
  return withDatabase(join(directory, "log.db"), (database) => {
    const table = PartitionTable.load(prepareAll(database, logStatements));
    return { logs: [...table.ids()].map((id) => table.describe(id)), unnamed: table.unnamed };
  });
}

/** What `raft.db` has, to be made an image of. */
export function readStoredMetadata(directory: string): ReturnType<typeof readMetadata> {
  return withDatabase(join(directory, "raft.db"), (database) => {
    try {
      const isOld = pragma(database, "user_version") === 1;
      const sql = prepareAll(database, raftStatements);
      return readMetadata(sql, isOld ? "before-checksums" : "newest");
    } catch (error) {
      if (lacksTable(error)) return { snapshot: null, entries: [], uncheckedTo: 0 };
      throw error;
    }
  });
}

/** Whether `log.db` has partitions, which only a cluster can have made. */
export function hasLogs(directory: string): boolean {
  return withDatabase(join(directory, "log.db"), (database) => {
    const partitions = prepareAll(database, logStatements).listPartitions.all({});
    return partitions.some(({ dropped }) => dropped !== 1);
  });
}

export interface LogScan {
  partitions: number;
  rows: number;
  batches: number;
  bytes: number;
  /** At most twenty, one sentence each. */
  readonly damage: string[];
  /** Rows that their index does not lead to: reads do not find them, a copy of the file has them again. */
  unindexed: number;
}

const DAMAGE_MAX = 20;

/** Reads every row and checks that it is a chain of whole batches with right checksums; pauses now and then. */
export async function scanLogs(
  directory: string,
  /** Called with what was found so far, now and then; the scan goes on when it resolves. */
  onProgress: (scan: Readonly<LogScan>) => Promise<void>,
): Promise<LogScan> {
  const database = open(join(directory, "log.db"));
  try {
    const sql = prepareAll(database, logStatements);
    const scan: LogScan = {
      partitions: 0,
      rows: 0,
      batches: 0,
      bytes: 0,
      damage: [],
      unindexed: 0,
    };
    const partitions = sql.listPartitions.all({});
    const ends = new Map(partitions.map(({ id, end }) => [integer(id), integer(end)]));
    scan.partitions = partitions.length;
    let before = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const heads = sql.newestRows.all({ before });
      if (heads.length === 0) return scan;
      for (const head of heads) {
        before = integer(head.id);
        const row = sql.rowById.first({ id: before });
        if (!row) continue;
        const [base, last] = [integer(row.base), integer(row.last)];
        const partition = integer(head.partition);
        scanRow(partition, { base, last, data: blob(row.data) }, scan);
        const end = ends.get(partition) ?? Infinity;
        if (last >= end && scan.damage.length < DAMAGE_MAX)
          scan.damage.push(
            `partition ${partition}, row of offsets ${base} to ${last}: it lies past the end of its log, ${end}`,
          );
        const [place] = sql.placesFrom.all({ partition, from: last, limit: 1 });
        if (place?.id !== before) scan.unindexed += 1;
      }
      await onProgress(scan);
    }
  } finally {
    database.close();
  }
}

function scanRow(partition: number, row: StoredBatches, scan: LogScan): void {
  const { batches, damaged } = checkRow(row);
  scan.rows += 1;
  scan.batches += batches;
  scan.bytes += row.data.length;
  const [first] = damaged;
  if (first && scan.damage.length < DAMAGE_MAX)
    scan.damage.push(
      `partition ${partition}, row of offsets ${row.base} to ${row.last}: ${first.why}`,
    );
}

/** Marks a restored folder, so that its first start counts as one after a power cut: no offset is given twice. */
export function markRestored(directory: string): void {
  withDatabase(join(directory, "log.db"), (database) => {
    prepareAll(database, logStatements).setMeta.run({ key: "running", value: "restored" });
  });
}

function withDatabase<T>(path: string, work: (database: Database.Database) => T): T {
  const database = open(path);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function open(path: string): Database.Database {
  return connectWithIndex(path, 1_000).database;
}

/** Whether some process has the folder open: it holds the write lock of `lock.db` for its life. */
export function lockState(directory: string): "free" | "held" | "damaged" {
  const path = join(directory, "lock.db");
  if (!existsSync(path)) return "free";
  const database = new Database(path, { timeout: 0 });
  try {
    database.exec("BEGIN IMMEDIATE");
    // Reads the schema too.
    database.exec("SELECT 1 FROM sqlite_master");
    database.exec("ROLLBACK");
    return "free";
  } catch (error) {
    return isDamage(error) ? "damaged" : "held";
  } finally {
    database.close();
  }
}

/** What hinders reading a file, where it is the file's own fault; null for any other error. */
export function whyUnreadable(error: unknown): string | null {
  const isOfTheFile =
    errorCode(error) !== "" ||
    [Bug, MetadataLost, StorageFault].some((kind) => error instanceof kind);
  return isOfTheFile && error instanceof Error ? error.message : null;
}

export { LOCK_DAMAGED } from "./lock.ts";
