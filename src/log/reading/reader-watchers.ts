/**
 * Long polls at one partition by isolation: those that read uncommitted wake as the high watermark moves, those that read
 * committed as the last stable offset does.
 */
import { Watchers, type WakeQueue } from "./waiters.ts";

export type Isolation = "read_committed" | "read_uncommitted";

/** The ends of the log as its readers may see them. */
export interface LogEnds {
  readonly logStart: number;
  readonly highWatermark: number;
  readonly lastStable: number;
  readonly epoch: number;
}

export class ReaderWatchers {
  readonly #by: Readonly<Record<Isolation, Watchers>>;

  constructor(queue: WakeQueue) {
    this.#by = { read_committed: new Watchers(queue), read_uncommitted: new Watchers(queue) };
  }

  of(isolation: Isolation): Watchers {
    return this.#by[isolation];
  }

  /** The ends moved as `bytes` were appended. */
  advanced(before: LogEnds, after: LogEnds, bytes: number): void {
    this.#by.read_uncommitted.readable(bytes);
    if (after.lastStable <= before.lastStable) return;
    // Where a transaction was open more than these have become stable: who waits looks again.
    const wasStable = before.lastStable === before.highWatermark;
    this.#by.read_committed.readable(wasStable ? bytes : Infinity);
  }

  /** More may be stable than was known. */
  stableMayHaveMoved(): void {
    this.#by.read_committed.readable(Infinity);
  }

  /** The partition changed hands, lost records or went away: everybody looks again. */
  changed(): void {
    for (const watchers of Object.values(this.#by)) watchers.changed();
  }
}
