/**
 * Buffers that large reads are read into, again and again: they go to a reader's thread, come back with rows in them, and
 * are given back when nobody uses these any more. Fresh memory for each read costs more than reading it: the kernel gives
 * it out 4 KiB at a time, zeroed, and takes it back.
 *
 * - Kept are `bytesMax` at most, and none for longer than `KEPT_MS` without a read.
 * - Rows that lie in no such buffer let go of their own memory when they are done with: collected garbage would be late.
 * - Whoever does not give a buffer back leaves it to the garbage collector.
 */
import { assert } from "../../lib/assert.ts";
import { letGo } from "../../lib/bytes.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Read, ReadAnswer } from "../messages/messages.ts";
import { rowsIn } from "./row-heads.ts";
import type { ReadRows } from "../storage.ts";

const MiB = 1024 * 1024;
/** What readers ask for: a partition of a Kafka consumer's Fetch, a page of an HTTP reader's. */
const SIZES: readonly number[] = [MiB, 8 * MiB];
const KEPT_MS = 1_000;

/** The size of the buffer that a read is read into: one that it may fill, and half of which at least; null for none. */
export function pageBytesOf(read: Read): number | null {
  if (read.type !== "read") return null;
  const { bytesMax } = read;
  return SIZES.find((size) => bytesMax >= size / 2 && bytesMax <= size) ?? null;
}

export class PageBuffers {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #free: ArrayBuffer[] = [];
  #bytes = 0;
  #usedMs = 0;
  #ticking = false;

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** How many are kept. */
  get count(): number {
    return this.#free.length;
  }

  /** A buffer of one of the sizes that `pageBytesOf` gives. */
  take(size: number): ArrayBuffer {
    this.#usedMs = this.#clock.monotonicMs();
    const at = this.#free.findLastIndex(({ byteLength }) => byteLength === size);
    const [kept] = at < 0 ? [] : this.#free.splice(at, 1);
    if (kept) this.#bytes -= size;
    return kept ?? new ArrayBuffer(size);
  }

  /** What was read, to be given back when it is `done` with; where its buffer holds nothing of it, that is now. */
  rowsOf({ rows, logStart, refusedBytes, page }: ReadAnswer & { readonly type: "read" }): ReadRows {
    const { buffer = null, heads = null } = page ?? {};
    if (buffer && heads)
      return { rows: rowsIn(buffer, heads), logStart, done: () => this.giveBack(buffer) };
    if (buffer) this.giveBack(buffer);
    if (refusedBytes !== undefined) return { rows, logStart, refusedBytes };
    if (rows.length === 0) return { rows, logStart };
    const done = (): void => {
      for (const { data } of rows) if (data.buffer instanceof ArrayBuffer) letGo(data.buffer);
    };
    return { rows, logStart, done };
  }

  /** Nobody may have a view of it any more. */
  giveBack(buffer: ArrayBuffer): void {
    const { byteLength } = buffer;
    const isWhole = SIZES.includes(byteLength);
    assert(isWhole && !this.#free.includes(buffer), "a buffer is given back once");
    if (this.#bytes + byteLength > this.#bytesMax) return letGo(buffer);
    this.#free.push(buffer);
    this.#bytes += byteLength;
    if (!this.#ticking) this.#clock.after(KEPT_MS, this.#tick);
    this.#ticking = true;
  }

  readonly #tick = (): void => {
    const isUsed = this.#usedMs + KEPT_MS > this.#clock.monotonicMs();
    if (!isUsed) {
      for (const buffer of this.#free.splice(0)) letGo(buffer);
      this.#bytes = 0;
    }
    this.#ticking = isUsed;
    if (isUsed) this.#clock.after(KEPT_MS, this.#tick);
  };
}
