/**
 * Buffers that large reads are read into, again and again: they go to a reader's thread, come back with rows in them, and
 * are given back when nobody uses these any more. Fresh memory for each read costs more than reading it: the kernel gives
 * it out 4 KiB at a time, zeroed, and takes it back.
 *
 * - Kept are `countMax` at most, and none for longer than `KEPT_MS` without a read.
 * - Whoever does not give a buffer back leaves it to the garbage collector.
 */
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { Read, ReadAnswer } from "./messages.ts";
import type { ReadRows } from "./storage.ts";

export const PAGE_BUFFER_BYTES = 8 * 1024 * 1024;
/** Smaller reads would leave most of a buffer empty. */
const READ_BYTES_MIN = PAGE_BUFFER_BYTES / 2;
const KEPT_MS = 1_000;

/** Whether a read is read into such a buffer. */
export function wantsPage(read: Read): boolean {
  return (
    read.type === "read" && read.bytesMax >= READ_BYTES_MIN && read.bytesMax <= PAGE_BUFFER_BYTES
  );
}

export class PageBuffers {
  readonly #clock: Clock;
  readonly #countMax: number;
  readonly #free: ArrayBuffer[] = [];
  #usedMs = 0;
  #ticking = false;

  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock;
    this.#countMax = Math.floor(bytesMax / PAGE_BUFFER_BYTES);
  }

  /** How many are kept. */
  get count(): number {
    return this.#free.length;
  }

  take(): ArrayBuffer {
    this.#usedMs = this.#clock.monotonicMs();
    return this.#free.pop() ?? new ArrayBuffer(PAGE_BUFFER_BYTES);
  }

  /** What was read, to be given back when it is `done` with; where its buffer holds nothing of it, that is now. */
  rowsOf({ rows, logStart, page }: ReadAnswer & { readonly type: "read" }): ReadRows {
    if (page?.isUsed) return { rows, logStart, done: () => this.giveBack(page.buffer) };
    if (page) this.giveBack(page.buffer);
    return { rows, logStart };
  }

  /** Nobody may have a view of it any more. */
  giveBack(buffer: ArrayBuffer): void {
    const isWhole = buffer.byteLength === PAGE_BUFFER_BYTES;
    assert(isWhole && !this.#free.includes(buffer), "a buffer is given back once");
    if (this.#free.length >= this.#countMax) return letGo(buffer);
    this.#free.push(buffer);
    if (!this.#ticking) this.#clock.after(KEPT_MS, this.#tick);
    this.#ticking = true;
  }

  readonly #tick = (): void => {
    const isUsed = this.#usedMs + KEPT_MS > this.#clock.monotonicMs();
    if (!isUsed) for (const buffer of this.#free.splice(0)) letGo(buffer);
    this.#ticking = isUsed;
    if (isUsed) this.#clock.after(KEPT_MS, this.#tick);
  };
}

/** Its memory goes back at once, rather than when the garbage collector comes by. */
export function letGo(buffer: ArrayBuffer): void {
  buffer.transfer(0);
}
