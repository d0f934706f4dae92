/**
 * The newest rows of every partition in memory, for readers at the tail; node-wide bounded by bytes and by rows.
 *
 * - Each partition's rows are a gapless run up to its written end; whoever asks below the run goes to storage.
 * - The oldest row of the node is evicted first, whoever it belongs to.
 * - A row that is a small view of a large buffer is copied when it comes in, so that it cannot pin the buffer.
 */
import { assert } from "../../lib/assert.ts";
import type { Row } from "../../storage/storage.ts";

/** How much of its buffer a row may leave unused before it is copied: this, and an eighth of its own size. */
const SLACK_BYTES = 256;
/** Emptied places at the front of an array before it is moved together. */
const COMPACT_AT = 1024;

export class TailCache {
  readonly #bytesMax: number;
  readonly #rowsMax: number;
  /** Whose row came when, oldest first; an owner may have dropped its row since. */
  #order: PartitionTail[] = [];
  #first = 0;
  #bytes = 0;

  constructor(bytesMax: number, rowsMax: number) {
    this.#bytesMax = bytesMax;
    this.#rowsMax = rowsMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a partition's next row; evicts what is over the bounds. */
  add(tail: PartitionTail, row: Row): void {
    const bytes = row.data.byteLength;
    if (bytes > this.#bytesMax) return this.clear(tail);
    tail.push(compacted(row));
    this.#bytes += bytes;
    this.#order.push(tail);
    while (this.#bytes > this.#bytesMax || this.#order.length - this.#first > this.#rowsMax) {
      this.#evict();
    }
  }

  /** Forgets all rows of a partition: it was truncated, or is gone. */
  clear(tail: PartitionTail): void {
    this.#bytes -= tail.clear();
  }

  /** Forgets a partition's rows up to the one that ends at or before `last`: compaction has made others of them. */
  dropTo(tail: PartitionTail, last: number): void {
    while (tail.firstLast <= last) this.#bytes -= tail.shift();
  }

  #evict(): void {
    const tail = this.#order[this.#first];
    assert(tail, "bytes in the cache have an owner in the order");
    this.#first += 1;
    if (this.#first >= COMPACT_AT && this.#first * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#first);
      this.#first = 0;
    }
    this.#bytes -= tail.shift();
  }
}

/** One partition's run of cached rows, ascending. */
export class PartitionTail {
  #rows: (Row | null)[] = [];
  #first = 0;

  /** The first offset that can be answered from here: Infinity when nothing is cached. */
  get start(): number {
    return this.#rows[this.#first]?.base ?? Infinity;
  }

  /** The last offset of the first row: Infinity when nothing is cached. */
  get firstLast(): number {
    return this.#rows[this.#first]?.last ?? Infinity;
  }

  push(row: Row): void {
    this.#rows.push(row);
  }

  /** Drops the oldest row, if any, and gives its size. */
  shift(): number {
    const row = this.#rows[this.#first];
    if (!row) return 0;
    this.#rows[this.#first] = null;
    this.#first += 1;
    if (this.#first >= COMPACT_AT || this.#first === this.#rows.length) {
      this.#rows = this.#rows.slice(this.#first);
      this.#first = 0;
    }
    return row.data.byteLength;
  }

  /** Drops everything and gives its size. */
  clear(): number {
    let bytes = 0;
    for (let at = this.#first; at < this.#rows.length; at += 1) {
      bytes += this.#rows[at]?.data.byteLength ?? 0;
    }
    this.#rows = [];
    this.#first = 0;
    return bytes;
  }

  /** Rows from the one that holds `from` on, up to about `bytesMax` but one at least; empty when `from` is past them. */
  rows(from: number, bytesMax: number): Row[] {
    const found: Row[] = [];
    let bytes = 0;
    for (let at = this.#indexOf(from); at < this.#rows.length; at += 1) {
      const row = this.#rows[at];
      if (!row || (found.length > 0 && bytes >= bytesMax)) break;
      found.push(row);
      bytes += row.data.byteLength;
    }
    return found;
  }

  /** The index of the first row that ends at or past `from`. */
  #indexOf(from: number): number {
    let low = this.#first;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#rows[middle]?.last ?? Infinity) < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compacted(row: Row): Row {
  const unused = row.data.buffer.byteLength - row.data.byteLength;
  return unused <= SLACK_BYTES + row.data.byteLength / 8 ? row : { ...row, data: row.data.slice() };
}
