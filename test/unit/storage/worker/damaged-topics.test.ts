/**
 * Indexes whose pages look whole and differ from their tables: what needs an entry that is not there fails alone, the rest goes on,
 * and the check of a folder at rest tells it.
 */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { checkIndexes, checkStructure } from "../../../../src/storage/files/inspect.ts";
import { LOG_PAGE_BYTES, openDatabase } from "../../../../src/storage/files/open.ts";
import { errorOf } from "../../../../src/storage/messages/failure.ts";
import type { Change, Entry } from "../../../../src/storage/storage.ts";
import { Sweeper } from "../../../../src/storage/worker/sweeper.ts";
import { Writer } from "../../../../src/storage/worker/writer.ts";

const TOPICS = ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB", "CCCCCCCCCCCCCCCCCCCCCC"];
const [FIRST, DAMAGED, OTHER] = [1, 2, 3];

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0).toReversed()) close();
});

function open(directory: string) {
  const path = `${directory}/log.db`;
  const options = { path, kind: "log", pageBytes: LOG_PAGE_BYTES, busyMs: 1_000 } as const;
  const { database } = openDatabase({ ...options, cacheBytes: 1 << 20 });
  return { database, writer: new Writer(database) };
}

function append(partition: number, base: number, more: readonly Entry[] = []): Change {
  const row = { base, last: base, epoch: 0, count: 1, maxTimestamp: base, producers: false };
  const data = new Uint8Array(10);
  return {
    partition,
    guard: { epoch: 0, end: base },
    entries: [{ type: "append", ...row, data }, ...more],
    durability: "written",
  };
}

const receipt = (at: number): Entry => ({
  type: "receipt",
  receipt: { key: new Uint8Array(8).fill(at), last: 0, expiresMs: at, value: new Uint8Array(4) },
});

/** A folder of which a page of an index was changed. */
function damagedFolder(index: string, harm: (page: Buffer) => void): string {
  const directory = mkdtempSync(`${tmpdir()}/kedge-topics-`);
  closers.push(() => rmSync(directory, { recursive: true }));
  const { database, writer } = open(directory);
  writer.create(
    TOPICS.map((topicId) => ({ topicId, index: 0 })),
    () => 0,
  );
  writer.commit([append(FIRST, 0, [receipt(1), receipt(2), receipt(3)])], null);
  database.exec("pragma wal_checkpoint(truncate)");
  const query = "select pageno from dbstat where name = ?";
  const [page = 0] = database.prepare(query).raw().all([index]).flat().map(Number);
  database.close();
  const bytes = readFileSync(`${directory}/log.db`);
  harm(bytes.subarray((page - 1) * LOG_PAGE_BYTES, page * LOG_PAGE_BYTES));
  writeFileSync(`${directory}/log.db`, bytes);
  return directory;
}

const flipTopic = (page: Buffer) => {
  const at = page.indexOf("BBBB");
  page.writeUInt8(page.readUInt8(at) ^ 0x10, at);
};
const loseEntries = (page: Buffer) => {
  page.writeUInt16BE(1, 3);
};

test.each([
  ["a topic's id", flipTopic],
  ["its count of entries", loseEntries],
] as const)("logs are dropped as far as they can be, with %s damaged in their index", (_, harm) => {
  const directory = damagedFolder("partitions_topic", harm);
  const structure = checkStructure(directory, "log.db");
  const differing = checkIndexes(directory, "log.db");
  expect([...structure, ...differing].join()).toContain("partitions_topic");
  for (let start = 0; start < 2; start += 1) {
    const { database, writer } = open(directory);
    try {
      const sweeper = new Sweeper(writer, database);
      expect(writer.table.state(DAMAGED)).toBeDefined();
      expect(writer.drop([DAMAGED])).toEqual([DAMAGED]);
      expect(writer.table.state(DAMAGED)).toBeUndefined();
      expect(sweeper.hasMore(false)).toBe(false);
      const end = writer.table.state(OTHER)?.end ?? -1;
      expect(writer.commit([append(OTHER, end)], null).size).toBe(0);
    } finally {
      database.close();
    }
  }
});

test("a damaged index of receipts fails what writes one, and no more", () => {
  const directory = damagedFolder("receipts_expires", (page) => {
    for (let at = 0; at < page.length; at += 1) page[at] = (at * 151 + 87) & 0xff;
  });
  const { database, writer } = open(directory);
  try {
    const changes = [append(FIRST, 1, [receipt(9)]), append(OTHER, 0)];
    const failures = [...writer.commit(changes, null)];
    expect(failures.map(([at, failure]) => [at, errorOf(failure)])).toMatchObject([
      [0, { kind: "damaged", outcome: "none" }],
    ]);
    const sweeper = new Sweeper(writer, database);
    expect(() => sweeper.forget(10)).toThrow("is damaged");
    expect(writer.commit([append(FIRST, 1), append(OTHER, 1)], null).size).toBe(0);
  } finally {
    database.close();
  }
});

/** What SQLite writes for the integers 0 and 1 in the head of a row. */
const [ZERO, ONE] = [8, 9];

test("a log that one flipped bit has dropped is not deleted: the start is refused", () => {
  const column = 11; // As the file has them: those that came later stand behind.
  const directory = damagedFolder("partitions", (page) => {
    const cell = page.readUInt16BE(8 + 2 * (FIRST - 1));
    // The row's length (two bytes or one) and id (one), then its head: how long that is, and a byte a column.
    const head = cell + ((page[cell] ?? 0) >= 0x80 ? 3 : 2);
    const isWide = (page[head + 2] ?? 0) >= 0x80;
    const at = head + 1 + column + (isWide ? 1 : 0);
    expect(page[at]).toBe(ZERO);
    page[at] = ONE;
  });
  expect(() => open(directory)).toThrow("log 1 is dropped, and its index has it");
});
