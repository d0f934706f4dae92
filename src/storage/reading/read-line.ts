/**
 * The order in which reads go to the readers, several in one message.
 *
 * - Receipts go first and alone: they are small, and appends wait for them, which must not wait for readers that catch up.
 * - What is read ahead of its reader goes last, few reads a message, where nobody waits for anything.
 */
import type { Read, ReadAnswer } from "../messages/messages.ts";

export interface WaitingRead {
  readonly read: Read;
  readonly resolve: (answer: ReadAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export interface ReadLineLimits {
  /** Reads that one message may carry. */
  readonly readsMax: number;
  /** Bytes that the answer to one message may have, unless a single read asks for more. */
  readonly bytesMax: number;
}

/** What a read counts for that gives one row: seldom more. */
const ROW_BYTES = 256 * 1024;
/** What one counts at least that gives one row however large it is. */
const LARGE_ROW_BYTES = 1024 * 1024;

/** Of a message's bytes what is read ahead may have one part: who begins to wait for it waits for the whole message. */
const AHEAD_PART = 2;

export class ReadLine {
  readonly #limits: ReadLineLimits;
  readonly #receipts: WaitingRead[] = [];
  readonly #waiting: WaitingRead[] = [];
  readonly #ahead: WaitingRead[] = [];

  constructor(limits: ReadLineLimits) {
    this.#limits = limits;
  }

  /** Whether somebody waits for one of these reads. */
  get isAwaited(): boolean {
    return this.#receipts.length + this.#waiting.length > 0;
  }

  get hasAhead(): boolean {
    return this.#ahead.length > 0;
  }

  push(waiting: WaitingRead, isAhead: boolean): void {
    if (waiting.read.type === "receipt") this.#receipts.push(waiting);
    else if (isAhead) this.#ahead.push(waiting);
    else this.#waiting.push(waiting);
  }

  /** Somebody waits now for this very read; false where it stands in line no longer. */
  hurry(read: Read): boolean {
    const at = this.#ahead.findIndex((waiting) => waiting.read === read);
    if (at < 0) return false;
    this.#waiting.push(...this.#ahead.splice(at, 1));
    return true;
  }

  /** The next message's reads: one at least where there are any, then as many as the limits allow. */
  take(): WaitingRead[] {
    const { readsMax, bytesMax } = this.#limits;
    if (this.#receipts.length > 0) return this.#receipts.splice(0, readsMax);
    if (this.#waiting.length > 0) return takeFitting(this.#waiting, readsMax, bytesMax);
    return takeFitting(this.#ahead, readsMax, bytesMax / AHEAD_PART);
  }

  takeAll(): WaitingRead[] {
    return [this.#receipts, this.#waiting, this.#ahead].flatMap((line) => line.splice(0));
  }
}

function takeFitting(line: WaitingRead[], readsMax: number, bytesMax: number): WaitingRead[] {
  let bytes = 0;
  let count = 0;
  for (const { read } of line) {
    bytes += bytesOf(read);
    if (count > 0 && (bytes > bytesMax || count >= readsMax)) break;
    count += 1;
  }
  return line.splice(0, count);
}

function bytesOf(read: Read): number {
  if (read.type !== "read") return ROW_BYTES;
  return Math.max(read.bytesMax, Math.min(read.firstBytesMax ?? Infinity, LARGE_ROW_BYTES));
}
