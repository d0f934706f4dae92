/** Rows read straight from the database file: always what SQLite has of them, or nothing. */
import { afterEach, expect, test } from "bun:test";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import type Database from "libsql";
import { closeLogFiles, openLogFiles } from "../../../../src/storage/files/log-descriptors.ts";
import { LOG_PAGE_BYTES, openBeside, openDatabase } from "../../../../src/storage/files/open.ts";
import { openRowFile } from "../../../../src/storage/worker/row-file.ts";

const KIB = 1024;
const PARTITION = 7;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

function world() {
  const directory = mkdtempSync(`${tmpdir()}/kedge-row-file-`);
  const path = `${directory}/log.db`;
  const options = { path, kind: "log", pageBytes: LOG_PAGE_BYTES, busyMs: 1_000 } as const;
  // A small cache: what a transaction changes is in the write-ahead log long before its end.
  const { database: writer } = openDatabase({ ...options, cacheBytes: 128 * KIB });
  const reader = openBeside({ ...options, cacheBytes: 128 * KIB }, false);
  writer.exec("pragma synchronous = 0");
  const files = openLogFiles(directory);
  const file = files && openRowFile(reader, path, LOG_PAGE_BYTES, files);
  closers.push(() => {
    reader.close();
    writer.close();
    closeLogFiles(files);
    rmSync(directory, { recursive: true });
  });
  if (!files || !file) throw new Error("there is a file to read");
  return { directory, path, files, file, writer, reader };
}

type World = ReturnType<typeof world>;

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function insert(writer: Database.Database, id: number, bytes: number, salt = 0): void {
  const data = new Uint8Array(bytes);
  data.fill(salt);
  for (let at = 0; at < bytes; at += 17) data[at] = (at >>> 8) + at + id + salt;
  const position = id * 2 ** 33 + salt;
  writer
    .prepare("insert or replace into rows values (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    .run([id, PARTITION, id * 10, id * 10 + 9, salt % 3, 1, position, -1, data]);
}

function checkpoint(writer: Database.Database, mode = "truncate"): void {
  writer.prepare(`pragma wal_checkpoint(${mode})`).raw().get([]);
}

/** Compares every row that can be had from the file with SQLite's in one snapshot; gives how many those were. */
function compare({ reader, file }: World, between: () => void = () => {}): number {
  reader.exec("BEGIN");
  const ids = reader.prepare("select id from rows order by id").raw().all([]).flat() as number[];
  file.begin();
  between();
  let found = 0;
  for (const id of ids) {
    const row = file.find(id);
    if (!row) continue;
    const data = new Uint8Array(row.bytes);
    if (!file.read(data)) continue;
    found += 1;
    const [base, last, epoch, position, stored] = reader
      .prepare('select base, last, epoch, "position", data from rows where id = ?')
      .raw()
      .get([id]) as [number, number, number, number, Uint8Array];
    // Cheaper than an expectation each.
    const isSame = row.base === base && row.last === last && row.epoch === epoch;
    if (!isSame || row.position !== position || Buffer.compare(data, stored) !== 0)
      throw new Error(`row ${id} is another than SQLite's`);
  }
  reader.exec("COMMIT");
  return found;
}

test("rows of every size come from the file once it has them", () => {
  const made = world();
  const sizes = [0, 1, 200, 2_000, 16_000, 16_300, 16_320, 16_349, 16_350, 18_000, 32_760, 40_000];
  const around = [1, 2, 3, 20].flatMap((pages) =>
    Array.from({ length: 60 }, (_, at) => 16_380 * pages + 2_031 - 45 + at),
  );
  const all = [...sizes, ...around, 300 * KIB, 5 * KIB * KIB];
  made.writer.exec("BEGIN");
  for (const [at, bytes] of all.entries()) insert(made.writer, at + 1, bytes);
  made.writer.exec("COMMIT");
  // Of small rows SQLite gives the leaf, which is all of them.
  expect(compare(made)).toBeLessThan(sizes.length);
  checkpoint(made.writer);
  expect(compare(made)).toBe(all.length);
  expect(made.file.find(all.length + 1)).toBeNull();
});

test("what the write-ahead log holds is left to SQLite, the rest is not", () => {
  const made = world();
  for (let id = 1; id <= 60; id += 1) insert(made.writer, id, 50 * KIB);
  checkpoint(made.writer);
  for (let id = 20; id <= 25; id += 1) insert(made.writer, id, 50 * KIB, 5);
  insert(made.writer, 61, 50 * KIB);
  const found = compare(made);
  expect(found).toBeGreaterThan(45);
  expect(found).toBeLessThanOrEqual(54);
});

test("a leaf that changes in the log is asked for anew", () => {
  const made = world();
  for (let id = 1; id <= 40; id += 1) insert(made.writer, id, 50 * KIB);
  checkpoint(made.writer);
  for (let salt = 1; salt < 5; salt += 1) {
    insert(made.writer, 60, 100 * salt, salt);
    expect(compare(made)).toBeGreaterThan(30);
  }
});

test("a snapshot keeps its rows while others write, roll back and copy back", () => {
  const made = world();
  const { writer } = made;
  for (let id = 1; id <= 40; id += 1) insert(writer, id, 50 * KIB);
  checkpoint(writer);
  const found = compare(made, () => {
    for (let id = 1; id <= 40; id += 2) insert(writer, id, 60 * KIB, 9);
    checkpoint(writer, "passive");
    writer.exec("delete from rows where id > 30");
    writer.exec("pragma incremental_vacuum");
    checkpoint(writer, "passive");
  });
  expect(found).toBe(40);
});

test("a place in the log that was rolled back and written anew is noticed", () => {
  const made = world();
  const { writer } = made;
  for (let id = 1; id <= 40; id += 1) insert(writer, id, 50 * KIB);
  checkpoint(writer);
  insert(writer, 1, 10 * KIB, 1);
  for (let round = 2; round < 12; round += 1) {
    writer.exec("BEGIN");
    for (let id = 2; id <= 30; id += 1) insert(writer, id, 50 * KIB, round);
    compare(made);
    compare(made);
    writer.exec("ROLLBACK");
    for (let id = 40; id > 40 - round; id -= 1) insert(writer, id, 50 * KIB, round);
    compare(made);
  }
});

test("frames that a failed commit left in the log are none of it, though one of them ends a commit", () => {
  const made = world();
  const { writer } = made;
  for (let id = 1; id <= 40; id += 1) insert(writer, id, 50 * KIB);
  checkpoint(writer);
  insert(writer, 1, 10 * KIB, 1);
  // As after a commit for which the disk had no room at its end, or that could not be synced: SQLite has forgotten them.
  const wal = openSync(`${made.path}-wal`, "r+");
  closers.push(() => closeSync(wal));
  const frameBytes = LOG_PAGE_BYTES + 24;
  const frames = (fstatSync(wal).size - 32) / frameBytes;
  const head = new Uint8Array(24);
  readSync(wal, head, 0, 24, 32);
  for (let at = 0; at < 100; at += 1) {
    new DataView(head.buffer).setUint32(4, at === 99 ? 1 : 0);
    writeSync(wal, head, 0, 24, 32 + (frames + at) * frameBytes);
  }
  for (let looks = 0; looks < 4; looks += 1) compare(made);
  for (let id = 40; id > 10; id -= 1) insert(writer, id, 50 * KIB, 3);
  expect(compare(made)).toBeLessThan(20);
});

test("a log that began anew is looked at from its beginning", () => {
  const made = world();
  for (let id = 1; id <= 40; id += 1) insert(made.writer, id, 50 * KIB);
  compare(made);
  compare(made);
  checkpoint(made.writer, "restart");
  expect(compare(made)).toBeLessThan(40);
  insert(made.writer, 5, 50 * KIB, 1);
  expect(compare(made)).toBeGreaterThan(30);
  insert(made.writer, 6, 50 * KIB, 1);
  compare(made);
});

test("whatever is done to the rows, in any order, they are SQLite's", () => {
  for (const seed of [1, 2]) {
    const made = world();
    const { writer } = made;
    const below = numbers(seed);
    let found = 0;
    for (let step = 0; step < 30; step += 1) {
      const kind = below(10);
      writer.exec("BEGIN");
      for (let count = below(12); count >= 0; count -= 1)
        if (kind < 6) insert(writer, 1 + below(40), below(below(2) === 0 ? 3_000 : 80_000), step);
        else writer.prepare("delete from rows where id = ?").run([1 + below(40)]);
      if (kind === 5) compare(made);
      writer.exec(kind === 5 ? "ROLLBACK" : "COMMIT");
      if (below(3) === 0) writer.exec("pragma incremental_vacuum(20)");
      const modes = ["passive", "full", "restart", "truncate"];
      if (below(2) === 0) checkpoint(writer, modes[below(modes.length)]);
      found += compare(made);
    }
    expect(found).toBeGreaterThan(100);
  }
});

test("pages that a disk has changed are left to SQLite, whatever they say", () => {
  const made = world();
  const { writer, file, reader, path } = made;
  for (let id = 1; id <= 400; id += 1) insert(writer, id, id % 5 === 0 ? 40 * KIB : 900);
  checkpoint(writer);
  expect(compare(made)).toBe(400);
  const below = numbers(3);
  const disk = openSync(path, "r+");
  closers.push(() => closeSync(disk));
  const pages = fstatSync(disk).size / LOG_PAGE_BYTES;
  const whole = new Uint8Array(LOG_PAGE_BYTES);
  for (let round = 0; round < 300; round += 1) {
    const at = (1 + below(pages - 1)) * LOG_PAGE_BYTES;
    readSync(disk, whole, 0, LOG_PAGE_BYTES, at);
    const changed = whole.slice();
    // Its type, its cells' count and places, and the children or sizes that they begin with.
    for (let byte = 0; byte < 3; byte += 1)
      changed[below(below(2) === 0 ? 40 : LOG_PAGE_BYTES)] = below(256);
    changed[3 + below(2)] = below(256);
    writeSync(disk, changed, 0, LOG_PAGE_BYTES, at);
    reader.exec("BEGIN");
    reader.prepare("select count(*) from epochs").raw().get([]);
    file.begin();
    for (let id = 1; id <= 400; id += 7) {
      const row = file.find(id);
      if (row && row.bytes < 100 * KIB) file.read(new Uint8Array(row.bytes));
    }
    reader.exec("COMMIT");
    writeSync(disk, whole, 0, LOG_PAGE_BYTES, at);
  }
  expect(compare(made)).toBe(400);
});

test("a database's descriptor stays for whoever opens it again, until its file is gone", () => {
  const { directory, path, files } = world();
  closeLogFiles(openLogFiles(directory));
  expect(openLogFiles(directory)?.database).toBe(files.database);
  closeLogFiles(openLogFiles(directory));
  const copy = mkdtempSync(`${tmpdir()}/kedge-row-file-`);
  closers.push(() => rmSync(copy, { recursive: true }));
  for (const name of ["log.db", "log.db-wal", "log.db-shm"]) writeFileSync(`${copy}/${name}`, "");
  const first = openLogFiles(copy);
  closeLogFiles(first);
  expect(fstatSync(first?.database ?? -1).ino).toBe(statSync(`${copy}/log.db`).ino);
  rmSync(`${copy}/log.db`);
  expect(openLogFiles(copy)).toBeNull();
  expect(() => fstatSync(first?.database ?? -1)).toThrow();
  expect(statSync(path).ino).toBe(fstatSync(files.database).ino);
});

test("descriptors of other files, and tables of another kind, are not read", () => {
  const { reader, files, path, writer } = world();
  expect(openRowFile(reader, `${path}-shm`, LOG_PAGE_BYTES, files)).toBeNull();
  const other = openSync(import.meta.path, "r");
  closers.push(() => closeSync(other));
  expect(openRowFile(reader, path, LOG_PAGE_BYTES, { ...files, wal: other })).toBeNull();
  expect(openRowFile(reader, path, LOG_PAGE_BYTES, { ...files, wal: 99_999 })).toBeNull();
  expect(openRowFile(reader, path, LOG_PAGE_BYTES, { ...files, index: other })).toBeNull();
  expect(openLogFiles(`${path}-none`)).toBeNull();
  writer.exec("alter table rows add column more integer");
  expect(openRowFile(reader, path, LOG_PAGE_BYTES, files)).toBeNull();
});
