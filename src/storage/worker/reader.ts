/**
 * One reader of `log.db`, on a connection and in a Worker of its own.
 *
 * - Each read sees one moment of the file; the log start is looked up again after it, so that a delete in between shows.
 * - Reads are short, since an open one keeps the write-ahead log from beginning anew.
 * - Places are found by halving offsets: positions and running maxima of timestamps rise with them.
 * - The rows of a page come straight from the file (`row-file.ts`) as far as they can, the rest of them through SQLite.
 * - Where that meets damage they are read one by one: what stands before the damage is given, and who begins in it is told where
 *   to go on (`sound-rows.ts`).
 */
import type Database from "libsql";
import { letGo } from "../../lib/bytes.ts";
import type { PageBuffer, ReadAnswer, Read, StoredRow } from "../messages/messages.ts";
import { isDamage } from "../files/sqlite-error.ts";
import { blob, int64, integer } from "../sql/prepared.ts";
import type { RowFile } from "./row-file.ts";
import { RowHeads, rowsIn } from "../reading/row-heads.ts";
import { isLostFrom, lostByIndex } from "./lost-rows.ts";
import { type LogSql, prepareLog } from "./row-writer.ts";
import { checkEntry, checkOrder, misled } from "./index-entry.ts";
import { type FoundHead, type FoundRows, headOf, type ReadPage, SoundRows } from "./sound-rows.ts";
import {
  type AbortedTransaction,
  type PartitionId,
  type Place,
  type RowHead,
  TRANSFER_BYTES_MIN,
} from "../storage.ts";

/** Rows that are read from the file before they are copied into a page: no more than a core's cache holds. */
const SPAN_BYTES = 512 * 1024;
/** Rows that are looked up at once: those of a page of 1 MiB, where they are no smaller than most. */
const PLACES_AT_ONCE = 32;
/** The same for the next ones of many small rows. */
const PLACES_AT_ONCE_MAX = 512;

export class Reader {
  readonly #database: Database.Database;
  readonly #sql: LogSql;
  readonly #file: RowFile | null;
  readonly #sound: SoundRows;

  constructor(database: Database.Database, file: RowFile | null) {
    this.#database = database;
    this.#file = file;
    this.#sql = prepareLog(database);
    this.#sound = new SoundRows(this.#sql);
  }

  /** With `page` what is read lies there, if it fills enough of it. */
  answer(read: Read, page: PageBuffer | null): ReadAnswer {
    switch (read.type) {
      case "read":
        return this.#read(read, page);
      case "seek": {
        const head = this.#locate(read.partition, { timestampMs: read.timestampMs });
        return { type: "seek", row: head ? this.#sound.row(read.partition, head.last) : null };
      }
      case "locate":
        return { type: "locate", head: this.#locate(read.partition, read.place) };
      case "receipt": {
        const { partition, key } = read;
        const row = this.#sql.getReceipt.first({ partition, key });
        if (!row) return { type: "receipt", receipt: null };
        const { last, expiresMs, value } = row;
        return {
          type: "receipt",
          receipt: { key, last: integer(last), expiresMs: integer(expiresMs), value: blob(value) },
        };
      }
      case "aborted":
        return { type: "aborted", aborted: this.#aborted(read.partition, read.from) };
      default:
        return read satisfies never;
    }
  }

  #read(asked: ReadPage, buffer: PageBuffer | null): ReadAnswer {
    const read = this.#readAround(asked, () =>
      buffer ? this.#page(asked, buffer) : { ...this.#rows(asked), heads: null },
    );
    const rows = sideBySide(read.rows);
    const after = this.#logStart(asked.partition);
    const back = { buffer: buffer instanceof ArrayBuffer ? buffer : null };
    if (after === null) return { type: "read", rows: [], logStart: 0, heads: null, ...back };
    const { refusedBytes, heads } = read;
    const answer = { type: "read" as const, rows, logStart: after, heads, ...back };
    return refusedBytes === undefined ? answer : { ...answer, refusedBytes };
  }

  /** What `look` reads; where it meets damage, what can be read before that. */
  #readAround(
    asked: ReadPage,
    look: () => FoundRows & { readonly heads: Float64Array | null },
  ): FoundRows & { readonly heads: Float64Array | null } {
    try {
      return this.#snapshot(look);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#snapshot(() => ({
        ...this.#sound.rows({ ...asked, from: this.#firstFrom(asked.partition, asked.from) }),
        heads: null,
      }));
    }
  }

  /** The rows side by side in the buffer; where they are few, in memory of their own. */
  #page(asked: ReadPage, buffer: PageBuffer): FoundRows & { readonly heads: Float64Array | null } {
    const { partition, from, bytesMax } = asked;
    const room = Math.min(bytesMax, buffer.byteLength);
    const read = this.#fromFile(partition, from, room, buffer);
    if (!read.isWhole && !this.#fromTable(partition, read, room, buffer))
      return { ...this.#rows(asked), heads: null };
    this.#checkWhole(partition, read.heads, read.isEnd);
    const { bytes } = read.heads;
    const heads = read.heads.packed();
    if (bytes >= buffer.byteLength / 2) return { rows: [], heads };
    return { rows: rowsIn(new Uint8Array(buffer, 0, bytes).slice().buffer, heads), heads: null };
  }

  /** Reads rows straight from the file, up to the first that SQLite has to be asked for. */
  #fromFile(partition: PartitionId, from: number, room: number, buffer: PageBuffer): PageRead {
    const heads = new RowHeads(this.#firstFrom(partition, from));
    const read: PageRead = { heads, isWhole: false, isEnd: false };
    const file = this.#file;
    if (!file) return read;
    file.begin();
    for (let limit = PLACES_AT_ONCE; ; limit = Math.min(2 * limit, PLACES_AT_ONCE_MAX)) {
      const places = this.#sql.placesFrom.all({ partition, from: heads.next, limit });
      for (const { id, last } of places) {
        const row = file.find(integer(id));
        if (!row) return read;
        if (row.partition !== partition || row.last !== last) throw misled(partition, last);
        const { bytes } = heads;
        if (bytes + row.bytes > room) {
          // A first row that is larger than the page is not for it.
          read.isWhole = bytes > 0;
          return read;
        }
        if (!file.read(new Uint8Array(buffer, bytes, row.bytes))) return read;
        heads.add(row, row.bytes);
      }
      read.isWhole = read.isEnd = places.length < limit;
      if (read.isWhole) return read;
    }
  }

  /** Reads on through SQLite; false where the first row is too large for the page. */
  #fromTable(partition: PartitionId, read: PageRead, room: number, buffer: PageBuffer): boolean {
    const { spans, bytes, isEnd } = this.#spans(partition, read.heads.next, room, read.heads.bytes);
    if (bytes > room) return false;
    read.isEnd = isEnd;
    for (const span of spans)
      for (const row of this.#sql.rowsBetween.all({ partition, ...span })) {
        checkEntry(row, partition);
        const own = blob(row.data);
        if (read.heads.bytes + own.byteLength > room) throw misled(partition, row.indexed);
        new Uint8Array(buffer, read.heads.bytes, own.byteLength).set(own);
        read.heads.add(headOf(row), own.byteLength);
        reuse(own);
      }
    return true;
  }

  /** The rows of a read, as spans of offsets that are small enough to be copied while they are in a core's cache. */
  #spans(partition: PartitionId, from: number, bytesMax: number, bytesBefore: number) {
    const spans: { readonly from: number; to: number }[] = [];
    let next = from;
    let bytes = bytesBefore;
    let spanBytes = Infinity;
    for (;;) {
      const heads = this.#sql.headsFrom.all({ partition, from: next });
      if (heads.length === 0) return { spans, bytes, isEnd: true };
      for (const head of heads) {
        const size = integer(head.bytes);
        if (bytes > 0 && bytes + size > bytesMax) return { spans, bytes, isEnd: false };
        const to = integer(head.last);
        checkEntry(head, partition);
        checkOrder(head, next);
        const span = spans.at(-1);
        if (span && spanBytes + size <= SPAN_BYTES) span.to = to;
        else {
          spans.push({ from: next, to });
          spanBytes = 0;
        }
        spanBytes += size;
        bytes += size;
        next = to + 1;
      }
    }
  }

  #rows({ partition, from, bytesMax, firstBytesMax = Infinity }: ReadPage): FoundRows {
    const rows: StoredRow[] = [];
    const chain = new RowHeads(this.#firstFrom(partition, from));
    let bytes = 0;
    const whole = (isEnd: boolean): FoundRows => {
      this.#checkWhole(partition, chain, isEnd);
      return { rows };
    };
    for (;;) {
      const { next } = chain;
      const heads = this.#sql.headsFrom.all({ partition, from: next });
      let to = -1;
      let fits = true;
      for (const head of heads) {
        bytes += integer(head.bytes);
        const isFirst = rows.length === 0 && to < 0;
        fits = bytes <= bytesMax || isFirst;
        if (isFirst && bytes > Math.max(bytesMax, firstBytesMax))
          return { rows, refusedBytes: bytes };
        if (!fits) break;
        checkEntry(head, partition);
        checkOrder(head, Math.max(to + 1, next));
        to = integer(head.last);
      }
      if (to < 0) return whole(fits);
      for (const row of this.#sql.rowsBetween.all({ partition, from: next, to })) {
        checkEntry(row, partition);
        const read = { ...headOf(row), data: blob(row.data) };
        rows.push(read);
        chain.add(read, read.data.byteLength);
      }
      if (!fits || bytes >= bytesMax) return whole(false);
    }
  }

  /** Throws where rows are missing that the table has; `isEnd`: the index has no more. */
  #checkWhole(partition: PartitionId, { gaps, next }: RowHeads, isEnd: boolean): void {
    for (const from of isEnd ? [...gaps, next] : gaps)
      if (isLostFrom(this.#sql, partition, from)) throw lostByIndex();
  }

  #aborted(partition: PartitionId, from: number): AbortedTransaction[] {
    return this.#sql.listAborted.all({ partition, from }).map((row) => ({
      producerId: int64(row.producerId),
      first: integer(row.first),
      last: integer(row.last),
      lastStable: integer(row.lastStable),
    }));
  }

  #locate(partition: PartitionId, place: Place): RowHead | null {
    return this.#snapshot(() => {
      const bounds = this.#sql.getPartition.first({ id: partition });
      if (!bounds) return null;
      if ("offset" in place) {
        const from = Math.max(place.offset, integer(bounds.logStart));
        return this.#sound.head(partition, from);
      }
      let low = integer(bounds.logStart);
      let high = integer(bounds.end);
      let found: RowHead | null = null;
      while (low < high) {
        const middle = low + Math.floor((high - low) / 2);
        const row = this.#sound.head(partition, middle);
        if (row && !reaches(row, place)) {
          low = row.last + 1;
        } else {
          if (row) found = row;
          high = middle;
        }
      }
      return found;
    });
  }

  /** Where a read from here begins; past everything where there is no such partition. */
  #firstFrom(partition: PartitionId, from: number): number {
    return Math.max(from, this.#logStart(partition) ?? Number.MAX_SAFE_INTEGER);
  }

  #logStart(partition: PartitionId): number | null {
    const bounds = this.#sql.getLogStart.first({ id: partition });
    return bounds && integer(bounds.logStart);
  }

  #snapshot<T>(look: () => T): T {
    this.#database.exec("BEGIN");
    try {
      return look();
    } finally {
      this.#end();
    }
  }

  /** The engine tells of damage that was met once more as the transaction ends, which it does all the same. */
  #end(): void {
    try {
      this.#database.exec("COMMIT");
    } catch (error) {
      if (!isDamage(error) || this.#database.inTransaction) throw error;
    }
  }
}

/** What a page holds so far. */
interface PageRead {
  readonly heads: RowHeads;
  /** Nothing more fits, or nothing more is there. */
  isWhole: boolean;
  /** Nothing more is there. */
  isEnd: boolean;
}

function reaches(row: FoundHead, place: Exclude<Place, { offset: number }>): boolean {
  return "position" in place
    ? row.position >= place.position
    : row.maxTimestamp >= place.timestampMs;
}

/** Many small rows in one buffer: a copy here is cheaper than a transfer each. Large ones go as they are. */
function sideBySide(rows: readonly StoredRow[]): readonly StoredRow[] {
  const bytes = rows.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes >= rows.length * TRANSFER_BYTES_MIN) return rows;
  const whole = new Uint8Array(bytes);
  let at = 0;
  return rows.map((row) => {
    const data = whole.subarray(at, at + row.data.byteLength);
    data.set(row.data);
    at += data.byteLength;
    reuse(row.data);
    return { ...row, data };
  });
}

/** The next row is read into a large row's memory while it is warm. Garbage would be collected much later. */
function reuse({ buffer, byteLength }: Uint8Array): void {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isOwn) letGo(buffer);
}
