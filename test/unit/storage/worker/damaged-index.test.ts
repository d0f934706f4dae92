/**
 * Each bit of some entries of the index of rows, flipped where its page stays well-formed: whatever is read is the truth or is told
 * as damage with an offset to go on from; never another log's row, one twice, one passed over in silence, or no way on.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  closeLogFiles,
  type LogDescriptors,
  openLogFiles,
} from "../../../../src/storage/files/log-descriptors.ts";
import { LOG_PAGE_BYTES, openBeside, openDatabase } from "../../../../src/storage/files/open.ts";
import { rowsIn } from "../../../../src/storage/reading/row-heads.ts";
import { type Row, StorageFault } from "../../../../src/storage/storage.ts";
import { Reader } from "../../../../src/storage/worker/reader.ts";
import { openRowFile } from "../../../../src/storage/worker/row-file.ts";
import { Writer } from "../../../../src/storage/worker/writer.ts";

// Hundreds of damaged files are read.
setDefaultTimeout(60_000);

const PARTITIONS = [1, 2, 3];
/** As many as take several pages of the index. */
const ROWS = 700;
const STEP = 2;
/** No row begins there, and nothing is lost. */
const HOLE = 500;
const HOLE_OFFSETS = 100;
const ROW_BYTES = 24;
const END = ROWS * STEP + HOLE_OFFSETS;

let directory: string;
let path: string;
let files: LogDescriptors | null;
let file: number;
/** Where entries stand in the file, and how long they are. */
let entries: { readonly at: number; readonly bytes: number }[];

const options = () =>
  ({ path, kind: "log", pageBytes: LOG_PAGE_BYTES, cacheBytes: 1 << 20, busyMs: 1_000 }) as const;

const baseOf = (row: number) => row * STEP + (row * STEP >= HOLE ? HOLE_OFFSETS : 0);
const bases = Array.from({ length: ROWS }, (_, row) => baseOf(row));

/** Where the row that holds this offset, or else the next one, begins. */
function dueAt(offset: number): number {
  const isInHole = offset >= HOLE && offset < HOLE + HOLE_OFFSETS;
  return isInHole ? HOLE + HOLE_OFFSETS : offset - (offset % STEP);
}

function dataOf(partition: number, base: number): Uint8Array {
  const data = new Uint8Array(ROW_BYTES).fill(partition);
  new DataView(data.buffer).setUint32(0, base);
  return data;
}

beforeAll(() => {
  directory = mkdtempSync(`${tmpdir()}/kedge-index-`);
  path = `${directory}/log.db`;
  const { database } = openDatabase(options());
  const writer = new Writer(database);
  writer.create(
    PARTITIONS.map((index) => ({ topicId: "t", index })),
    () => 0,
  );
  writer.transaction(false, () => {
    for (const [at, base] of bases.entries())
      for (const partition of PARTITIONS) {
        const offsets = { base, last: base + STEP - 1, maxTimestamp: base };
        const row = { partition, epoch: 0, count: 1, position: at * ROW_BYTES };
        writer.sql.insertRow.run({ ...row, ...offsets, data: dataOf(partition, base) });
      }
    const zero = { startPosition: 0, cleanedTo: 0, abortedEnd: 0, logStart: 0, epoch: 0 };
    const ends = { end: END, reservedEnd: END, producersEnd: END, endPosition: ROWS * ROW_BYTES };
    const move = { ...zero, ...ends, guardEpoch: 0, guardEnd: 0, maxTimestamp: END };
    for (const id of PARTITIONS) writer.sql.movePartition.run({ ...move, id });
  });
  database.exec("pragma wal_checkpoint(truncate)");
  const pages = database
    .prepare("select pageno from dbstat where name = 'rows_last'")
    .raw()
    .all([])
    .flat()
    .map(Number);
  database.close();
  const whole = readFileSync(path);
  expect(pages.length).toBeGreaterThan(2);
  entries = pages.flatMap((page) => {
    const start = (page - 1) * LOG_PAGE_BYTES;
    const isLeaf = whole[start] === 0x0a;
    const cells = whole.readUInt16BE(start + 3);
    const chosen = isLeaf ? [cells >> 1] : [0];
    return chosen.map((cell) => {
      const pointer = start + (isLeaf ? 8 : 12) + 2 * Math.floor(cell);
      const at = start + whole.readUInt16BE(pointer) + (isLeaf ? 0 : 4);
      return { at, bytes: 1 + (whole[at] ?? 0) };
    });
  });
  file = openSync(path, "r+");
});

afterAll(() => {
  closeSync(file);
  rmSync(directory, { recursive: true });
});

function withReader(fromFile: boolean, work: (reader: Reader) => void): void {
  const database = openBeside(options(), false);
  files = fromFile ? openLogFiles(directory) : null;
  try {
    work(new Reader(database, files && openRowFile(database, path, LOG_PAGE_BYTES, files)));
  } finally {
    database.close();
    closeLogFiles(files);
  }
}

/** Rows from an offset on, or where to go on. */
function read(reader: Reader, partition: number, from: number, bytesMax: number) {
  const page = new ArrayBuffer(Math.max(bytesMax, ROW_BYTES));
  try {
    const answer = reader.answer({ type: "read", partition, from, bytesMax }, page);
    if (answer.type !== "read") throw new Error("a read is answered");
    return answer.heads ? rowsIn(page, answer.heads) : answer.rows;
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    expect(error.kind).toBe("damaged");
    return error.next ?? Number.NaN;
  }
}

/** The rows are the log's, in order, and none is missing from `from` to the last of them. */
function checkTrue(rows: readonly Row[], partition: number, from: number): number {
  let next = from;
  for (const { base, last, data } of rows) {
    const due = dueAt(next);
    if (base !== due || last !== base + STEP - 1)
      throw new Error(`${partition}: ${base} to ${last} where ${due} is due from ${next} on`);
    if (Buffer.compare(data, dataOf(partition, base)) !== 0)
      throw new Error(`${partition}: other data at ${base}`);
    next = last + 1;
  }
  return next;
}

/** Reads to the end; gives how many rows were had. */
function walk(reader: Reader, partition: number, bytesMax: number, start = 0, rounds = 1_000) {
  let had = 0;
  for (let from = start, round = 0; from < END && round < rounds; round += 1) {
    const answer = read(reader, partition, from, bytesMax);
    if (typeof answer === "number") {
      if (!(answer > from && answer <= END)) throw new Error(`${from}: go on at ${answer}`);
      from = answer;
      continue;
    }
    const next = checkTrue(answer, partition, from);
    if (answer.length === 0) throw new Error(`${partition}: nothing from ${from} on, and no word`);
    had += answer.length;
    from = next;
  }
  return had;
}

test("a whole index: everything is had", () => {
  for (const fromFile of [true, false])
    withReader(fromFile, (reader) => {
      for (const partition of PARTITIONS) {
        expect(walk(reader, partition, 4_096)).toBe(ROWS);
        expect(read(reader, partition, END, 4_096)).toEqual([]);
      }
    });
});

test("a flipped bit of an entry: all is the truth, or told with a way on", () => {
  let flips = 0;
  for (const { at, bytes } of entries)
    for (let bit = 0; bit < bytes * 8; bit += 1) {
      const byte = Buffer.alloc(1, readByte(at + (bit >> 3)));
      const harmed = Buffer.alloc(1, (byte[0] ?? 0) ^ (1 << (bit & 7)));
      writeSync(file, harmed, 0, 1, at + (bit >> 3));
      flips += 1;
      withReader(flips % 2 === 0, (reader) => {
        for (const partition of PARTITIONS) {
          const place = () => `entry at ${at}, bit ${bit}, partition ${partition}`;
          try {
            walk(reader, partition, 4_096);
            // In the midst, as one who asks for single rows.
            for (const start of [7, 570, 1_201]) walk(reader, partition, 10, start, 4);
            expect(read(reader, partition, END, 4_096)).toEqual([]);
          } catch (error) {
            throw new Error(place(), { cause: error });
          }
        }
      });
      writeSync(file, byte, 0, 1, at + (bit >> 3));
    }
  expect(flips).toBeGreaterThan(200);
});

function readByte(at: number): number {
  return readFileSync(path)[at] ?? 0;
}
