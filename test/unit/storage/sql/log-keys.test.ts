/** What topic a log is of, from a file of which one place no longer says so. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { LOG_PAGE_BYTES, openDatabase } from "../../../../src/storage/files/open.ts";
import { StorageFault } from "../../../../src/storage/storage.ts";
import { PartitionTable } from "../../../../src/storage/worker/partition-table.ts";
import { Writer } from "../../../../src/storage/worker/writer.ts";

const KEYS = ["first-topic", "second-topic"].map((topicId) => ({ topicId, index: 0 }));

let directory: string;
let pageOf: ReadonlyMap<string, number>;

const open = (path: string) =>
  openDatabase({ path, kind: "log", pageBytes: LOG_PAGE_BYTES, cacheBytes: 1 << 20, busyMs: 1_000 })
    .database;

beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/kedge-keys-`);
  const database = open(`${directory}/log.db`);
  new Writer(database).create(KEYS, () => 0);
  database.exec("pragma wal_checkpoint(truncate)");
  const pages = database
    .prepare("select name, pageno from dbstat where name like 'partitions%'")
    .raw()
    .all([]);
  pageOf = new Map(pages as [string, number][]);
  database.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

function loaded(pages: readonly string[], byte: number): PartitionTable {
  const path = `${directory}/copy.db`;
  copyFileSync(`${directory}/log.db`, path);
  const file = openSync(path, "r+");
  for (const name of pages) {
    const start = ((pageOf.get(name) ?? 0) - 1) * LOG_PAGE_BYTES;
    const at = readFileSync(path).indexOf("first-topic", start);
    expect(at).toBeLessThan(start + LOG_PAGE_BYTES);
    writeSync(file, Uint8Array.of(byte), 0, 1, at + 3);
  }
  closeSync(file);
  const database = open(path);
  try {
    return new Writer(database).table;
  } finally {
    database.close();
  }
}

const NUL = 0;
const NO_UTF8 = 0xff;

test.each([NUL, NO_UTF8])(
  "a byte %d in the table: the index says it, and the log is told",
  (byte) => {
    const table = loaded(["partitions"], byte);
    expect(KEYS.map((key) => table.idOf(key))).toEqual([1, 2]);
    expect(table.unnamed).toEqual([1]);
  },
);

test("in the index alone nothing is amiss", () => {
  const table = loaded(["partitions_topic"], NO_UTF8);
  expect(KEYS.map((key) => table.idOf(key))).toEqual([1, 2]);
  expect(table.unnamed).toEqual([]);
});

test("in both: the start is refused, with what to do", () => {
  const both = () => loaded(["partitions", "partitions_topic"], NO_UTF8);
  expect(both).toThrow(StorageFault);
  expect(both).toThrow("log 1 is of cannot be read in its table of partitions");
});
