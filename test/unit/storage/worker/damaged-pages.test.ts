/**
 * Reads, commits and sweeps of a file of which one page is damaged: what can be read is, who stands in the damage is told where to
 * go on, and a change that needs the page fails alone.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
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
import { LOG_PAGE_BYTES, openBeside, openDatabase } from "../../../../src/storage/files/open.ts";
import { isDamage } from "../../../../src/storage/files/sqlite-error.ts";
import { errorOf } from "../../../../src/storage/messages/failure.ts";
import { type Change, StorageFault } from "../../../../src/storage/storage.ts";
import { Reader } from "../../../../src/storage/worker/reader.ts";
import { Sweeper } from "../../../../src/storage/worker/sweeper.ts";
import { Writer } from "../../../../src/storage/worker/writer.ts";

// Dozens of copies of the file are read, which takes its time on a busy machine.
setDefaultTimeout(30_000);

const LONG = 1;
const SHORT = 2;
/** As many as take three pages of the index. */
const ROWS = 2_500;
const STEP = 10;
const ROW_BYTES = 150;
const END = ROWS * STEP;

let directory: string;
let copies = 0;
let pages: { readonly name: string; readonly type: string; readonly number: number }[];

const options = (path: string) =>
  ({ path, kind: "log", pageBytes: LOG_PAGE_BYTES, cacheBytes: 1 << 20, busyMs: 1_000 }) as const;

/** Appends a row of ten offsets. */
function change(partition: number, base: number): Change {
  const data = new Uint8Array(ROW_BYTES).fill(base % 251);
  const offsets = { base, last: base + STEP - 1, maxTimestamp: base, epoch: 0, count: 1 };
  return {
    partition,
    guard: { epoch: 0, end: base },
    entries: [{ type: "append", ...offsets, producers: false, data }],
    durability: "written",
  };
}

beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/kedge-pages-`);
  const { database } = openDatabase(options(`${directory}/log.db`));
  const writer = new Writer(database);
  writer.create(
    [0, 1].map((index) => ({ topicId: "t", index })),
    () => 0,
  );
  writer.transaction(false, () => {
    for (let base = 0; base < END; base += STEP)
      for (const partition of base < 50 ? [LONG, SHORT] : [LONG]) {
        const [entry] = change(partition, base).entries;
        if (entry?.type !== "append") throw new Error("an append");
        const { last, maxTimestamp, epoch, count, data } = entry;
        const position = (base / STEP) * ROW_BYTES;
        const row = { partition, base, last, epoch, count, position, maxTimestamp, data };
        writer.sql.insertRow.run(row);
      }
    writer.sql.movePartition.run({ ...moved(END), id: LONG });
    writer.sql.movePartition.run({ ...moved(50), id: SHORT });
  });
  database.exec("pragma wal_checkpoint(truncate)");
  pages = database
    .prepare("select name, pagetype, pageno from dbstat where name in ('rows', 'rows_last')")
    .raw()
    .all([])
    .map((row) => row as [string, string, number])
    .map(([name, type, number]) => ({ name, type, number }));
  database.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

function moved(end: number) {
  const zero = { startPosition: 0, cleanedTo: 0, producersEnd: end, abortedEnd: 0, logStart: 0 };
  const ends = { end, reservedEnd: end + 1_000, endPosition: (end / STEP) * ROW_BYTES };
  return { ...zero, ...ends, guardEpoch: 0, guardEnd: 0, epoch: 0, maxTimestamp: end - STEP };
}

/** A copy of the file with this page changed. */
function damagedCopy(page: number, harm: (bytes: Buffer) => void): string {
  const path = `${directory}/${(copies += 1)}.db`;
  copyFileSync(`${directory}/log.db`, path);
  const start = (page - 1) * LOG_PAGE_BYTES;
  const bytes = readFileSync(path).subarray(start, start + LOG_PAGE_BYTES);
  harm(bytes);
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, start);
  closeSync(file);
  return path;
}

const leaves = (name: string) =>
  pages.filter((page) => page.name === name && page.type === "leaf").map(({ number }) => number);

const garbage = (bytes: Buffer) => bytes.fill(0xee, 0, 64);

function faultOf<T>(work: () => T): T | StorageFault {
  try {
    return work();
  } catch (error) {
    if (error instanceof StorageFault) return error;
    if (isDamage(error)) return new StorageFault("damaged", String(error));
    throw error;
  }
}

/** Reads a log from its start to its end, stepping over what cannot be read. */
function walk(reader: Reader, partition: number, end: number) {
  const offsets: number[] = [];
  const gaps: [number, number][] = [];
  let rounds = 0;
  for (let from = 0; from < end; rounds += 1) {
    expect(rounds).toBeLessThan(1_000);
    const read = { type: "read", partition, from, bytesMax: 64 * 1024 } as const;
    const answer = faultOf(() => reader.answer(read, null));
    if (answer instanceof StorageFault) {
      expect(answer.kind).toBe("damaged");
      if (answer.next === null) return { offsets, gaps };
      expect(answer.next).toBeGreaterThan(from);
      gaps.push([from, answer.next]);
      from = answer.next;
      continue;
    }
    if (answer.type !== "read" || answer.rows.length === 0) break;
    for (const { base } of answer.rows) offsets.push(base);
    from = (answer.rows.at(-1)?.last ?? end) + 1;
  }
  return { offsets, gaps };
}

function withReader<T>(path: string, work: (reader: Reader) => T): T {
  const database = openBeside(options(path), false);
  try {
    return work(new Reader(database, null));
  } finally {
    database.close();
  }
}

describe("a damaged page of", () => {
  test("the table: its rows alone are lost, and the connection reads on as before", () => {
    const [, page = 0] = leaves("rows");
    withReader(damagedCopy(page, garbage), (reader) => {
      const first = walk(reader, LONG, END);
      const [[from, next] = [0, 0], ...others] = first.gaps;
      expect(others).toEqual([]);
      expect([from % STEP, next % STEP]).toEqual([0, 0]);
      expect(next - from).toBeGreaterThan(STEP);
      expect(first.offsets).toHaveLength(ROWS - (next - from) / STEP);
      expect(walk(reader, LONG, END)).toEqual(first);
      expect(walk(reader, SHORT, 50)).toMatchObject({ gaps: [] });
      const inMidst = { type: "read", partition: LONG, from: from + 3, bytesMax: 1 } as const;
      expect(faultOf(() => reader.answer(inMidst, null))).toMatchObject({ next });
      const seek = { type: "seek", partition: LONG, timestampMs: from } as const;
      expect(reader.answer(seek, null)).toMatchObject({ row: { base: next } });
      const place = { position: (from / STEP) * ROW_BYTES };
      const locate = { type: "locate", partition: LONG, place } as const;
      expect(reader.answer(locate, null)).toMatchObject({ head: { base: next } });
    });
  });

  test("the index: what it alone knew is passed over, and the rows behind are found", () => {
    const [page = 0] = leaves("rows_last");
    withReader(damagedCopy(page, garbage), (reader) => {
      const { offsets, gaps } = walk(reader, LONG, END);
      const [[from, next] = [0, 0], ...others] = gaps;
      expect([from, others]).toEqual([0, []]);
      expect(next).toBeLessThan(END / 2);
      expect(offsets.at(-1)).toBe(END - STEP);
      expect(offsets).toHaveLength(Math.ceil((END - next) / STEP));
    });
  });

  const cellsLost: readonly [string, (cells: number) => number][] = [
    ["the last of its entries", (cells) => cells - 1],
    ["half of them", (cells) => cells >> 1],
    ["all of them but one", () => 1],
  ];
  test.each(cellsLost)("the index that has lost %s and looks whole: that is damage", (_, left) => {
    for (const page of leaves("rows_last")) {
      const path = damagedCopy(page, (bytes) =>
        bytes.writeUInt16BE(left(bytes.readUInt16BE(3)), 3),
      );
      withReader(path, (reader) => {
        for (const [partition, end] of [[LONG, END] as const, [SHORT, 50] as const]) {
          const { offsets, gaps } = walk(reader, partition, end);
          for (let base = 0; base < end; base += STEP) {
            const isTold = gaps.some(([from, next]) => from <= base && base < next);
            expect([page, base, offsets.includes(base) || isTold]).toEqual([page, base, true]);
          }
        }
      });
    }
  });

  test("the whole tree: the reader is told that nothing can be read", () => {
    for (const root of pages.filter(({ type }) => type === "internal"))
      withReader(damagedCopy(root.number, garbage), (reader) => {
        expect(walk(reader, LONG, END)).toEqual({ offsets: [], gaps: [[0, END]] });
      });
  });

  test("any kind: reading comes to the end, and neither thread nor process", () => {
    const next = numbers(4);
    const flip = (bytes: Buffer) => {
      for (let flips = 0; flips < 8; flips += 1) {
        const at = next(bytes.length);
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << next(8)), at);
      }
    };
    for (const { number } of pages)
      for (const harm of [flip, (bytes: Buffer) => bytes.fill(0), flip]) {
        const path = damagedCopy(number, harm);
        withReader(path, (reader) => {
          walk(reader, LONG, END);
          walk(reader, SHORT, 50);
        });
        rmSync(path);
      }
  });

  test("a log fails what is written to it, and no other's", () => {
    const [, page = 0] = leaves("rows");
    const { database } = openDatabase(options(damagedCopy(page, garbage)));
    const truncate: Change = {
      partition: LONG,
      guard: { epoch: 0, end: END },
      entries: [{ type: "truncate", end: STEP }],
      durability: "written",
    };
    try {
      const writer = new Writer(database);
      const third = writer.create([{ topicId: "u", index: 0 }], () => 0)[0]?.id ?? 0;
      for (let base = 0; base < 3 * STEP; base += STEP) {
        const failures = writer.commit([truncate, change(third, base)], null);
        const [failure, ...others] = [...failures].map(
          ([at, each]) => [at, errorOf(each)] as const,
        );
        expect(failure?.[0]).toBe(0);
        expect(failure?.[1]).toMatchObject({ kind: "damaged", outcome: "none" });
        expect(others).toEqual([]);
        expect(writer.table.state(third)?.end).toBe(base + STEP);
      }
    } finally {
      database.close();
    }
  });

  test("a trimmed log keeps neither the sweeper from the others nor asking for it", () => {
    const [, page = 0] = leaves("rows");
    const { database } = openDatabase(options(damagedCopy(page, garbage)));
    try {
      const writer = new Writer(database);
      const sweeper = new Sweeper(writer, database);
      const entries = (logStart: number) => [{ type: "trim", logStart }] as const;
      const trims = [
        { partition: LONG, guard: { epoch: 0, end: END }, entries: entries(END - STEP) },
        { partition: SHORT, guard: { epoch: 0, end: 50 }, entries: entries(40) },
      ];
      const failures = writer.commit(
        trims.map((trim) => ({ ...trim, durability: "written" })),
        null,
      );
      expect(failures.size).toBe(0);
      const faults: unknown[] = [];
      for (let steps = 0; sweeper.hasMore(false); steps += 1) {
        expect(steps).toBeLessThan(20);
        const fault = faultOf(() => sweeper.sweep(false));
        if (fault) faults.push(fault.kind);
      }
      expect(faults).toEqual(["damaged"]);
      const left = writer.sql.headFrom.first({ partition: SHORT, from: 0 });
      expect(left).toMatchObject({ base: 40 });
    } finally {
      database.close();
    }
  });
});

/** The same numbers each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
