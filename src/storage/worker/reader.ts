/**
 * One reader of `log.db`, on a connection and in a Worker of its own.
 *
 * - Each read sees one moment of the file; the log start is looked up again after it, so that a delete in between shows.
 * - Reads are short, since an open one keeps the write-ahead log from beginning anew.
 * - Places are found by halving offsets: positions and running maxima of timestamps rise with them.
 */
import type Database from "libsql";
import { letGo } from "../../lib/bytes.ts";
import type { ReadAnswer, Read, StoredRow } from "../messages/messages.ts";
import { blob, integer, text } from "../sql/prepared.ts";
import { type LogSql, prepareLog } from "./row-writer.ts";
import {
  type AbortedTransaction,
  type PartitionId,
  type Place,
  type RowHead,
  TRANSFER_BYTES_MIN,
} from "../storage.ts";

/** Rows that are read from the file before they are copied into a page: no more than a core's cache holds. */
const SPAN_BYTES = 512 * 1024;

type ReadPage = Read & { readonly type: "read" };

interface FoundRows {
  readonly rows: readonly StoredRow[];
  /** The size of the first, where it is larger than what was asked for. */
  readonly refusedBytes?: number;
}

export class Reader {
  readonly #database: Database.Database;
  readonly #sql: LogSql;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#sql = prepareLog(database);
  }

  /** With `page` what is read lies there, if it fills enough of it. */
  answer(read: Read, page: ArrayBuffer | null): ReadAnswer {
    switch (read.type) {
      case "read":
        return this.#read(read, page);
      case "seek": {
        const head = this.#locate(read.partition, { timestampMs: read.timestampMs });
        return { type: "seek", row: head ? this.#rowFrom(read.partition, head.base) : null };
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

  #read(asked: ReadPage, buffer: ArrayBuffer | null): ReadAnswer {
    const read = this.#snapshot(() =>
      buffer ? this.#page(asked, buffer) : { ...this.#rows(asked), isUsed: false },
    );
    const rows = read.isUsed ? read.rows : sideBySide(read.rows);
    const page = buffer && { buffer, isUsed: read.isUsed };
    const after = this.#sql.getPartition.first({ id: asked.partition });
    if (!after)
      return { type: "read", rows: [], logStart: 0, page: page && { buffer, isUsed: false } };
    const { refusedBytes } = read;
    const answer = { type: "read" as const, rows, logStart: integer(after.logStart), page };
    return refusedBytes === undefined ? answer : { ...answer, refusedBytes };
  }

  /** The rows side by side in the buffer; where they are few, in memory of their own. */
  #page(asked: ReadPage, buffer: ArrayBuffer): FoundRows & { readonly isUsed: boolean } {
    const { partition, from, bytesMax } = asked;
    const { spans, bytes } = this.#spans(partition, from, Math.min(bytesMax, buffer.byteLength));
    const isUsed = bytes >= buffer.byteLength / 2 && bytes <= buffer.byteLength;
    if (!isUsed) return { ...this.#rows(asked), isUsed };
    const rows: StoredRow[] = [];
    let at = 0;
    for (const span of spans)
      for (const row of this.#sql.rowsBetween.all({ partition, ...span })) {
        const own = blob(row.data);
        const data = new Uint8Array(buffer, at, own.byteLength);
        data.set(own);
        reuse(own);
        at += data.byteLength;
        rows.push({ ...headOf(row), data });
      }
    return { rows, isUsed };
  }

  /** The rows of a read, as spans of offsets that are small enough to be copied while they are in a core's cache. */
  #spans(partition: PartitionId, from: number, bytesMax: number) {
    const spans: { readonly from: number; to: number }[] = [];
    let next = Math.max(from, this.#logStart(partition));
    let bytes = 0;
    let spanBytes = Infinity;
    for (;;) {
      const heads = this.#sql.headsFrom.all({ partition, from: next });
      if (heads.length === 0) return { spans, bytes };
      for (const head of heads) {
        const size = integer(head.bytes);
        if (bytes > 0 && bytes + size > bytesMax) return { spans, bytes };
        const to = integer(head.last);
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
    let next = Math.max(from, this.#logStart(partition));
    let bytes = 0;
    for (;;) {
      const heads = this.#sql.headsFrom.all({ partition, from: next });
      let to = -1;
      let whole = true;
      for (const head of heads) {
        bytes += integer(head.bytes);
        const isFirst = rows.length === 0 && to < 0;
        whole = bytes <= bytesMax || isFirst;
        if (isFirst && bytes > Math.max(bytesMax, firstBytesMax))
          return { rows, refusedBytes: bytes };
        if (!whole) break;
        to = integer(head.last);
      }
      if (to < 0) return { rows };
      for (const row of this.#sql.rowsBetween.all({ partition, from: next, to }))
        rows.push({ ...headOf(row), data: blob(row.data) });
      if (!whole || bytes >= bytesMax) return { rows };
      next = to + 1;
    }
  }

  #aborted(partition: PartitionId, from: number): AbortedTransaction[] {
    return this.#sql.listAborted.all({ partition, from }).map((row) => ({
      producerId: BigInt(text(row.producerId)),
      first: integer(row.first),
      last: integer(row.last),
      lastStable: integer(row.lastStable),
    }));
  }

  #rowFrom(partition: PartitionId, from: number): StoredRow | null {
    const row = this.#sql.rowFrom.first({ partition, from });
    return row ? { ...headOf(row), data: blob(row.data) } : null;
  }

  #locate(partition: PartitionId, place: Place): RowHead | null {
    return this.#snapshot(() => {
      const bounds = this.#sql.getPartition.first({ id: partition });
      if (!bounds) return null;
      if ("offset" in place) {
        const from = Math.max(place.offset, integer(bounds.logStart));
        const row = this.#sql.headFrom.first({ partition, from });
        return row && headOf(row);
      }
      let low = integer(bounds.logStart);
      let high = integer(bounds.end);
      let found: RowHead | null = null;
      while (low < high) {
        const middle = low + Math.floor((high - low) / 2);
        const row = this.#sql.headFrom.first({ partition, from: middle });
        if (row && !reaches(row, place)) {
          low = integer(row.last) + 1;
        } else {
          if (row) found = headOf(row);
          high = middle;
        }
      }
      return found;
    });
  }

  #logStart(partition: PartitionId): number {
    const bounds = this.#sql.getPartition.first({ id: partition });
    return bounds ? integer(bounds.logStart) : Number.MAX_SAFE_INTEGER;
  }

  #snapshot<T>(look: () => T): T {
    this.#database.exec("BEGIN");
    try {
      return look();
    } finally {
      this.#database.exec("COMMIT");
    }
  }
}

function reaches(
  row: { readonly position: unknown; readonly maxTimestamp: unknown },
  place: Exclude<Place, { offset: number }>,
): boolean {
  return "position" in place
    ? integer(row.position) >= place.position
    : integer(row.maxTimestamp) >= place.timestampMs;
}

function headOf(row: Readonly<Record<keyof RowHead, unknown>>): RowHead {
  return {
    base: integer(row.base),
    last: integer(row.last),
    epoch: integer(row.epoch),
    position: integer(row.position),
  };
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
