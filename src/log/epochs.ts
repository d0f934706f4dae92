/**
 * A partition's leader epochs and the offset at which each began (KIP-101): what tells a client, or a follower, how far the
 * log that it knows is this one.
 *
 * - An epoch of which nothing was written yet begins at the log's end, as in Kafka, where a new leader notes its epoch at once.
 */
import type { EpochStart } from "../storage/storage.ts";

/** In place of an epoch or an offset that is not known. */
const UNKNOWN = -1;

export class Epochs {
  #starts: readonly EpochStart[];

  /** Ascending, as storage has them. */
  constructor(starts: readonly EpochStart[]) {
    this.#starts = starts;
  }

  /** Records of `epoch` stand at `start` and from there on. */
  began(epoch: number, start: number): void {
    if ((this.#starts.at(-1)?.epoch ?? UNKNOWN) >= epoch) return;
    this.#starts = [...this.#starts.filter((older) => older.start < start), { epoch, start }];
  }

  /** The epoch in which the record at `offset` was written; `current` at the log's end. */
  at(offset: number, current: number, end: number): number {
    if (offset >= end) return current;
    return this.#starts.findLast(({ start }) => start <= offset)?.epoch ?? current;
  }

  /**
   * The largest epoch known here up to `asked`, and the offset at which the next one begins (Kafka's `endOffsetFor`): the
   * log's end for the newest; both -1 for an epoch that is newer than any, and for -1. One that is older than any ends where the
   * oldest begins.
   */
  endOf(
    asked: number,
    current: number,
    { start, end }: { readonly start: number; readonly end: number },
  ): { epoch: number; endOffset: number } {
    if (asked > current || asked === UNKNOWN) return { epoch: UNKNOWN, endOffset: UNKNOWN };
    if (asked === current) return { epoch: current, endOffset: end };
    const above = this.#starts.find(({ epoch }) => epoch > asked);
    // Of what was trimmed no epoch is known any more.
    if (above && above.start <= start) return { epoch: asked, endOffset: start };
    const below = this.#starts.findLast(({ epoch }) => epoch <= asked);
    return { epoch: below?.epoch ?? asked, endOffset: above?.start ?? end };
  }
}
