/**
 * Buffers that large reads are read into, again and again: rows are read into them in a reader's thread, and they are given
 * back when nobody uses these any more. Fresh memory for each read costs more than reading it: the kernel gives it out 4 KiB
 * at a time, zeroed, and takes it back.
 *
 * - Most are shared by both threads, which know them by number: one that moves from thread to thread is new memory to the
 *   collector of either (a tenth of the CPU of a catch-up). Plain ones, which move, stand in where those are all in use.
 * - Kept are the bytes of the limits at most, and none for longer than `KEPT_MS` without a read.
 * - Rows that lie in no such buffer let go of their own memory when they are done with: collected garbage would be late.
 * - Whoever does not give a buffer back leaves it to the garbage collector; a shared one is missed until all are forgotten.
 */
import { assert, present } from "../../lib/assert.ts";
import { letGo } from "../../lib/bytes.ts";
import type { Clock } from "../../lib/clock.ts";
import type { PageBuffer, Read, ReadAnswer } from "../messages/messages.ts";
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

interface PageBuffersOptions {
  readonly clock: Clock;
  readonly limits: {
    /** Of those that are kept. */
    readonly pageBuffersBytesMax: number;
    /** Of shared ones, in use or kept. */
    readonly sharedBuffersBytesMax: number;
  };
  /** The shared ones are never used again. */
  readonly onForget: () => void;
}

export class PageBuffers {
  readonly #options: PageBuffersOptions;
  readonly #free: PageBuffer[] = [];
  /** Of those that are free. */
  #bytes = 0;
  /** The numbers of all shared ones. */
  readonly #shared = new Map<SharedArrayBuffer, number>();
  #number = 0;
  #usedMs = 0;
  #ticking = false;

  constructor(options: PageBuffersOptions) {
    this.#options = options;
  }

  /** How many are kept. */
  get count(): number {
    return this.#free.length;
  }

  /** A buffer of one of the sizes that `pageBytesOf` gives. */
  take(size: number): PageBuffer {
    this.#usedMs = this.#options.clock.monotonicMs();
    const at = this.#free.findLastIndex(({ byteLength }) => byteLength === size);
    const [kept] = at < 0 ? [] : this.#free.splice(at, 1);
    if (kept) this.#bytes -= size;
    return kept ?? this.#make(size);
  }

  /** By which both threads know a shared buffer that was taken. */
  numberOf(buffer: SharedArrayBuffer): number {
    return present(this.#shared.get(buffer), "a shared buffer that was just taken has its number");
  }

  /** What was read, to be given back when it is `done` with; where its buffer holds nothing of it, that is now. */
  rowsOf(answer: ReadAnswer & { readonly type: "read" }): ReadRows {
    const { rows, logStart, refusedBytes, heads, buffer } = answer;
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
  giveBack(buffer: PageBuffer): void {
    const { clock, limits } = this.#options;
    const { byteLength } = buffer;
    const isWhole = SIZES.includes(byteLength);
    assert(isWhole && !this.#free.includes(buffer), "a buffer is given back once");
    if (buffer instanceof SharedArrayBuffer) {
      if (!this.#shared.has(buffer)) return;
    } else if (this.#bytes + byteLength > limits.pageBuffersBytesMax) return letGo(buffer);
    this.#free.push(buffer);
    this.#bytes += byteLength;
    if (!this.#ticking) clock.after(KEPT_MS, this.#tick);
    this.#ticking = true;
  }

  #make(size: number): PageBuffer {
    const { sharedBuffersBytesMax } = this.#options.limits;
    let bytes = size;
    for (const { byteLength } of this.#shared.keys()) bytes += byteLength;
    if (bytes > sharedBuffersBytesMax) return new ArrayBuffer(size);
    const buffer = new SharedArrayBuffer(size);
    this.#number += 1;
    this.#shared.set(buffer, this.#number);
    return buffer;
  }

  readonly #tick = (): void => {
    const { clock } = this.#options;
    const isUsed = this.#usedMs + KEPT_MS > clock.monotonicMs();
    if (!isUsed) this.#forget();
    this.#ticking = isUsed;
    if (isUsed) clock.after(KEPT_MS, this.#tick);
  };

  /** What is in use of the shared ones is left to the collector once it is given back. */
  #forget(): void {
    for (const buffer of this.#free.splice(0)) if (buffer instanceof ArrayBuffer) letGo(buffer);
    this.#bytes = 0;
    if (this.#shared.size > 0) this.#options.onForget();
    this.#shared.clear();
  }
}
