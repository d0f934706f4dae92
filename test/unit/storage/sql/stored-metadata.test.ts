/** What a flipped bit in the rows of raft.db is taken for: damage, or nothing. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import Database from "libsql";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isDamage } from "../../../../src/storage/files/sqlite-error.ts";
import type { StoredMetadata } from "../../../../src/storage/metadata-store.ts";
import { prepareAll } from "../../../../src/storage/sql/prepared.ts";
import { raftStatements } from "../../../../src/storage/sql/statements-raft.ts";
import { readMetadata } from "../../../../src/storage/sql/stored-metadata.ts";
import { MetadataFile } from "../../../../src/storage/worker/metadata-file.ts";

const entry = (index: number) => ({ index, epoch: 3, command: `{"é":${index}}` });
const snapshot = { index: 300, epoch: 2, image: '{"version":1}' };

let directory: string;
let changes = 0;

beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/kedge-metadata-`);
  const file = new MetadataFile(directory, false);
  const entries = Array.from({ length: 302 }, (_, at) => entry(at + 1));
  file.answer({ type: "metadata-append", entries });
  file.answer({ type: "metadata-snapshot", snapshot });
  file.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

function read(path: string): StoredMetadata {
  const database = new Database(path);
  try {
    return readMetadata(prepareAll(database, raftStatements));
  } finally {
    database.close();
  }
}

/** A copy in which `sql` was run. */
function changed(sql: string): string {
  changes += 1;
  const path = `${directory}/changed-${changes}.db`;
  copyFileSync(`${directory}/raft.db`, path);
  const database = new Database(path);
  database.exec(sql);
  database.exec("pragma wal_checkpoint(truncate)");
  database.close();
  return path;
}

const written = { snapshot, entries: [entry(301), entry(302)], uncheckedTo: 0 };

test("metadata is read as it was written", () => {
  expect(read(`${directory}/raft.db`)).toEqual(written);
});

/** Bytes of a row before its text: its length, index, header, epoch. */
const HEAD_BYTES = 10;

test.each([entry(301).command, snapshot.image])(
  "no bit of the row of %s can be another unnoticed",
  (text) => {
    const whole = readFileSync(`${directory}/raft.db`);
    const path = `${directory}/flipped.db`;
    const at = whole.indexOf(text);
    const bytes = Buffer.byteLength(text) + 4;
    const taken: unknown[] = [];
    for (let bit = (at - HEAD_BYTES) * 8; bit < (at + bytes) * 8; bit += 1) {
      const flipped = Uint8Array.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, flipped);
      try {
        taken.push(read(path));
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
    }
    // Some bits of the head are of the neighbour's row, or mean nothing.
    for (const each of taken) expect(each).toEqual(written);
    expect(taken.length).toBeLessThan(40);
  },
);

test.each([
  'update entries set command = replace(command, 301, 300) where "index" = 301',
  'update entries set epoch = 2 where "index" = 301',
  'update entries set "index" = 303 where "index" = 302',
  "update entries set checksum = checksum + 1",
  "update entries set checksum = -1",
  "update snapshots set image = '{\"version\":0}'",
  "update snapshots set epoch = 3",
])("%s is damage", (sql) => {
  expect(() => read(changed(sql))).toThrow("its checksum differs");
});

test("what has a place that was before the snapshot is damage", () => {
  const sql = 'update entries set "index" = 45, checksum = -1 where "index" = 302';
  const unchecked = "update snapshots set checksum = -1; update entries set checksum = -1";
  expect(() => read(changed(`${unchecked}; ${sql}`))).toThrow("command 45 comes after 300");
});

test("what has no checksum is told up to where, and counts only before what has one", () => {
  const none = "update snapshots set checksum = -1";
  expect(read(changed(none))).toMatchObject({ uncheckedTo: 300 });
  const first = 'update entries set checksum = -1 where "index" = 301';
  expect(read(changed(`${none}; ${first}`))).toEqual({ ...written, uncheckedTo: 301 });
  const last = 'update entries set checksum = -1 where "index" = 302';
  expect(() => read(changed(`${none}; ${last}`))).toThrow("command 302");
});
