/** A damaged write-ahead log is told from one that a kill cut off, and from what SQLite leaves behind its end by itself. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import Database from "libsql";
import { findWalDamage } from "../../../../src/storage/files/wal-damage.ts";

const PAGE_BYTES = 4096;
const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + PAGE_BYTES;
const COMMIT_AT = 4;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

function world() {
  const directory = mkdtempSync(`${tmpdir()}/kedge-wal-damage-`);
  const path = `${directory}/a.db`;
  const database = new Database(path);
  for (const pragma of ["page_size = 4096", "journal_mode = wal", "wal_autocheckpoint = 0"])
    database.exec(`pragma ${pragma}`);
  database.exec("pragma cache_size = 4; create table t (a)");
  closers.push(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });
  const walOf = () => readFileSync(`${path}-wal`);
  const examine = (wal: Uint8Array) => {
    const copy = `${directory}/copy-wal`;
    writeFileSync(copy, wal);
    return findWalDamage(copy, PAGE_BYTES);
  };
  const insert = (bytes: number) => database.exec(`insert into t values (randomblob(${bytes}))`);
  return { directory, path, database, walOf, examine, insert };
}

/** By frame, whether it ends a commit. */
function commitsOf(wal: Buffer): boolean[] {
  const frames = Math.floor((wal.length - HEADER_BYTES) / FRAME_BYTES);
  return Array.from(
    { length: frames },
    (_, frame) => wal.readUInt32BE(HEADER_BYTES + frame * FRAME_BYTES + COMMIT_AT) > 0,
  );
}

test("a flipped bit anywhere is told with its place where a commit lies behind it, and nowhere else", () => {
  const { walOf, examine, insert } = world();
  for (const bytes of [10, 9_000, 20, 30_000, 5]) insert(bytes);
  const wal = walOf();
  const commits = commitsOf(wal);
  expect(commits.filter(Boolean).length).toBe(6);
  expect(examine(wal)).toBeNull();
  for (const frame of commits.keys()) {
    const start = HEADER_BYTES + frame * FRAME_BYTES;
    const behind = commits.slice(frame + 1);
    // The page's number, the commit's mark, the salts, the checksums, the page.
    for (const at of [3, 5, 8, 15, 16, 23, 24, 24 + 2_000, FRAME_BYTES - 1]) {
      const damaged = Buffer.from(wal);
      damaged.writeUInt8(damaged.readUInt8(start + at) ^ 1, start + at);
      const found = examine(damaged);
      const whole = behind.filter(Boolean).length;
      // Of the frame behind nothing can be told where what it goes on from is damaged.
      const least = at >= 16 && at < 24 && behind[0] ? whole - 1 : whole;
      if (whole === 0 || least === 0) expect(found?.commits ?? 0).toBe(0);
      else {
        expect(found?.atByte).toBe(start);
        expect(found?.commits).toBe(least);
        expect(found?.walBytes).toBe(wal.length);
      }
    }
  }
});

test("a damaged header is told while any commit stands behind it", () => {
  const { walOf, examine, insert } = world();
  for (const bytes of [10, 9_000]) insert(bytes);
  const wal = walOf();
  for (let at = 0; at < HEADER_BYTES; at += 1) {
    const damaged = Buffer.from(wal);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 4, at);
    expect(examine(damaged)?.atByte).toBe(0);
  }
});

test("a log that was cut off anywhere, as by a kill, is none that is damaged", () => {
  const { walOf, examine, insert } = world();
  for (const bytes of [10, 9_000, 20]) insert(bytes);
  const wal = walOf();
  for (let length = 0; length < wal.length; length += 97)
    expect(examine(wal.subarray(0, length))).toBeNull();
  // Written over what an earlier round of the log had left, too.
  const { walOf: longer, database, insert: more } = world();
  for (let commit = 0; commit < 12; commit += 1) more(3_000);
  database.exec("pragma wal_checkpoint(restart)");
  const before = longer();
  more(10_000);
  const after = longer();
  expect(after.length).toBe(before.length);
  expect(after.equals(before)).toBe(false);
  expect(examine(after)).toBeNull();
  for (let written = HEADER_BYTES; written < 6 * FRAME_BYTES; written += 131) {
    const torn = Buffer.concat([after.subarray(0, written), before.subarray(written)]);
    expect(examine(torn)).toBeNull();
  }
});

test("what a transaction left that was taken back is no damage", () => {
  const { walOf, examine, insert, database } = world();
  insert(10);
  database.exec("begin");
  for (let row = 0; row < 20; row += 1) insert(20_000);
  const spilt = walOf().length;
  database.exec("rollback");
  expect(spilt).toBeGreaterThan(20 * FRAME_BYTES);
  insert(10);
  expect(walOf().length).toBe(spilt);
  expect(examine(walOf())).toBeNull();
});

test("a file that is not there, or holds no frame, is no damage", () => {
  const { directory, path, walOf, examine, insert } = world();
  insert(10);
  expect(findWalDamage(`${directory}/none-wal`, PAGE_BYTES)).toBeNull();
  expect(examine(new Uint8Array())).toBeNull();
  expect(examine(walOf().subarray(0, HEADER_BYTES))).toBeNull();
  expect(findWalDamage(`${path}-wal`, PAGE_BYTES)).toBeNull();
});
