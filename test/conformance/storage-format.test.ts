/**
 * What a storage's file holds: exact types, formats of before, newer ones.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readMigrations } from "../../src/storage/files/open.ts";
import { append, batch } from "./batches.ts";
import { inFolder, openIn, withSql } from "./libsql-folder.ts";
import { fill, intactEnd } from "./storage-fill.ts";
import { caught, topicId } from "./storage-world.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

/** The format that this kedge writes. */
const known = readMigrations("log").length;
const migrationsFolder = fileURLToPath(new URL("../../migrations/log", import.meta.url));

test("every integer is stored as one", () =>
  inFolder(async (directory) => {
    const storage = await openIn(directory);
    const far = 2 ** 52 + 1;
    await storage.create([{ topicId, index: 2 ** 31 - 1 }]);
    const receipt = { key: Uint8Array.of(1), last: far, expiresMs: far, value: Uint8Array.of(0) };
    const producer = {
      id: 2n ** 62n,
      epoch: 32_767,
      coordinatorEpoch: 2 ** 31 - 1,
      lastTimestamp: far,
      transactionStart: far,
      batches: Uint8Array.of(1),
    };
    await storage.commit({
      partition: 1,
      guard: { epoch: 0, end: 0 },
      entries: [
        { type: "begin", epoch: 2 ** 31 - 1, start: far },
        append({ base: far, epoch: 2 ** 31 - 1, timestampMs: far }),
        { type: "receipt", receipt },
        {
          type: "aborted",
          transaction: { producerId: 2n ** 62n, first: far, last: far, lastStable: far + 1 },
        },
        { type: "producers", end: far + 1, changed: [producer], gone: [] },
      ],
      durability: "synced",
    });
    expect(await storage.bounds(1)).toMatchObject({ end: far + 1, maxTimestamp: far });
    expect((await storage.read(1, 0, 1)).rows[0]?.base).toBe(far);
    await storage.close();
    const texts = new Set(["partitions.topic_id", "producers.producer_id", "aborted.producer_id"]);
    const blobs = new Set(["rows.data", "receipts.key", "receipts.value", "producers.batches"]);
    withSql(directory, (database) => {
      for (const table of ["partitions", "rows", "epochs", "receipts", "producers", "aborted"]) {
        const columns = database
          .prepare(`select name from pragma_table_info('${table}')`)
          .raw()
          .all([]);
        for (const [column] of columns as [string][]) {
          const types = database
            .prepare(`select distinct typeof("${column}") from "${table}"`)
            .raw()
            .all([]);
          const name = `${table}.${column}`;
          const wanted = texts.has(name) ? "text" : blobs.has(name) ? "blob" : "integer";
          expect([name, types]).toEqual([name, [[wanted]]]);
        }
      }
    });
  }));

/** A database as the kedge of that format left it, with one row in one partition. */
async function makeOfFormat(directory: string, format: number): Promise<void> {
  const migrations = await Promise.all(
    readdirSync(migrationsFolder)
      .filter((name) => name.endsWith(".sql"))
      .toSorted()
      .slice(0, format)
      .map((name) => readFile(`${migrationsFolder}/${name}`, "utf8")),
  );
  expect(migrations).toHaveLength(format);
  withSql(directory, (database) => {
    for (const pragma of ["page_size = 16384", "auto_vacuum = 2", "journal_mode = wal"])
      database.exec(`pragma ${pragma}`);
    const [first = "", ...rest] = migrations;
    // What came after the first format has defaults.
    database.exec(`begin; ${first}`);
    database.exec(
      `insert into partitions values (1, '${topicId}', 0, 0, 0, 1, 10001, 0, 100, 0, 0, 0, 1)`,
    );
    for (const each of rest) database.exec(each);
    database.exec(`pragma user_version = ${format}; commit`);
    database
      .prepare("insert into rows values (1, 1, 0, 0, 0, 1, 0, 0, ?)")
      .run([batch({ base: 0, bytes: 1000 }).subarray(0, 1000)]);
    database.exec("update partitions set end_position = 1000");
  });
}

const older = Array.from({ length: known - 1 }, (_, at) => at + 1);

test.each(older)("a database of format %d is upgraded", (format) =>
  inFolder(async (directory) => {
    await makeOfFormat(directory, format);
    const storage = await openIn(directory);
    // Nobody could be told of producers before: nothing has to be read back.
    expect(await storage.bounds(1)).toMatchObject({ end: 1, producersEnd: 1, abortedEnd: 0 });
    await fill(storage, 1, 3);
    expect(await intactEnd(storage)).toBe(3);
    expect(await storage.bounds(1)).toMatchObject({ end: 3, producersEnd: 3 });
    expect(await storage.receipt(1, Uint8Array.of(1))).toBeNull();
    expect([await storage.producers(), await storage.aborted(1, 0)]).toEqual([new Map(), []]);
    await storage.close();
    expect(
      withSql(directory, (database) => database.pragma("user_version", { simple: false })),
    ).toEqual([{ user_version: known }]);
  }),
);

test("a database of a newer format is refused and not touched", () =>
  inFolder(async (directory) => {
    await (await openIn(directory)).close();
    withSql(directory, (database) => database.exec("pragma user_version = 99"));
    const before = Bun.hash(await readFile(`${directory}/log.db`));
    const error = await caught(openIn(directory));
    expect(error).toMatchObject({ name: "NewerFormat" });
    expect(String(error)).toContain(`has format 99; this kedge knows formats up to ${known}`);
    expect(Bun.hash(await readFile(`${directory}/log.db`))).toBe(before);
  }));
