/**
 * Copies a database file of which indexes are damaged: its tables as they are, its indexes made anew from them.
 *
 * - SQLite cannot drop or rebuild an index of which a page is malformed, and copies indexes page by page. So they are struck from
 *   the schema of a first copy, and that is copied once more without them. The file itself is only read.
 * - Left out: the indexes that stand for a primary key, which cannot be taken out of their tables.
 */
import { constants, copyFileSync, existsSync, rmSync } from "node:fs";
import Database from "libsql";
import { assert } from "../../lib/assert.ts";

const BUSY_MS = 1_000;

/** Of a file that nobody has open, to where none is yet. Throws the engine's error where tables are damaged, too. */
export function copyWithNewIndexes(from: string, to: string): void {
  const struck = `${to}-struck`;
  try {
    copyFileSync(from, struck, constants.COPYFILE_FICLONE);
    if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${struck}-wal`);
    const definitions = strikeIndexes(struck);
    withDatabase(struck, (database) => database.prepare("vacuum into ?").run([to]));
    withDatabase(to, (database) => {
      for (const definition of definitions) database.exec(definition);
    });
  } finally {
    for (const end of ["", "-wal", "-shm"]) rmSync(`${struck}${end}`, { force: true });
  }
}

/** Gives what makes them again. */
function strikeIndexes(path: string): string[] {
  return withDatabase(path, (database) => {
    const where = "where type = 'index' and sql is not null";
    const definitions = database.prepare(`select sql from sqlite_schema ${where}`).raw().all([]);
    database.exec("pragma writable_schema = on");
    database.exec(`delete from sqlite_schema ${where}`);
    database.exec("pragma writable_schema = reset");
    return definitions.flat().map((definition) => {
      assert(typeof definition === "string", "an index is defined by its SQL");
      return definition;
    });
  });
}

function withDatabase<T>(path: string, work: (database: Database.Database) => T): T {
  const database = new Database(path, { timeout: BUSY_MS });
  try {
    return work(database);
  } finally {
    database.close();
  }
}
