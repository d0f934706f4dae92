/** Who syncs a transaction, and what becomes of the writer where that fails. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { LOG_PAGE_BYTES, openDatabase, pragma } from "../../../../src/storage/files/open.ts";
import { text } from "../../../../src/storage/sql/prepared.ts";
import { StorageFault } from "../../../../src/storage/storage.ts";
import { openWalSync } from "../../../../src/storage/worker/wal-sync.ts";
import { Writer } from "../../../../src/storage/worker/writer.ts";

const FULL = 2;
const NORMAL = 1;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

function world() {
  const directory = mkdtempSync(`${tmpdir()}/kedge-writer-`);
  const { database } = openDatabase({
    path: `${directory}/log.db`,
    kind: "log",
    pageBytes: LOG_PAGE_BYTES,
    cacheBytes: 128 * 1024,
    busyMs: 1_000,
  });
  closers.push(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });
  const writer = new Writer(database);
  const put = (value: string) => () => void writer.sql.setMeta.run({ key: "k", value });
  return { directory, database, writer, put };
}

function faultOf(work: () => void): unknown {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof StorageFault ? { kind: error.kind, outcome: error.outcome } : error;
  }
}

test("SQLite syncs until somebody else does, who is asked for the synced ones alone", () => {
  const { database, writer, put } = world();
  writer.transaction(true, put("1"));
  expect(pragma(database, "synchronous")).toBe(FULL);
  const seen: unknown[] = [];
  writer.syncBy(() =>
    seen.push([
      text(writer.sql.getMeta.first({ key: "k" })?.value),
      pragma(database, "synchronous"),
    ]),
  );
  writer.transaction(true, put("2"));
  writer.transaction(false, put("3"));
  writer.transaction(true, () => {});
  // After the commit, and whether or not it changed anything: it is asked for to sync what was written before.
  expect(seen).toEqual([
    ["2", NORMAL],
    ["3", NORMAL],
  ]);
  expect([writer.commits, writer.syncs]).toEqual([4, 3]);
});

test("where the sync fails nobody knows the outcome, and nothing is written again", () => {
  const { writer, put } = world();
  let asked = 0;
  writer.syncBy(() => {
    asked += 1;
    throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
  });
  const fault = faultOf(() => writer.transaction(true, put("1")));
  expect(fault).toEqual({ kind: "io", outcome: "unknown" });
  const after = faultOf(() => writer.transaction(true, put("2")));
  expect(after).toEqual({ kind: "io", outcome: "none" });
  expect(asked).toBe(1);
});

test("the write-ahead log of an open database can be synced, also after it began anew", () => {
  const { directory, database, writer, put } = world();
  const wal = openWalSync(directory);
  if (!wal) return;
  closers.push(wal.close);
  writer.syncBy(wal.sync);
  writer.transaction(true, put("1"));
  database.prepare("pragma wal_checkpoint(truncate)").raw().get([]);
  writer.transaction(true, put("2"));
  expect(openWalSync(`${directory}/nowhere`)).toBeNull();
});
