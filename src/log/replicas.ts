/**
 * Who else holds this partition's records, and how far: the high watermark is the smallest synced end of the in-sync
 * replicas, and never falls.
 *
 * - Left out: other replicas. The in-sync set is this node alone, so its synced end is the high watermark.
 */
import { assert } from "../lib/assert.ts";

export class Replicas {
  #highWatermark: number;
  /** Who waits for the high watermark, by the end that it must reach; ends ascend, since appends do. */
  #waiting: { readonly end: number; readonly settle: () => void }[] = [];

  constructor(syncedEnd: number) {
    this.#highWatermark = syncedEnd;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** How many replicas are in sync. */
  readonly inSync = 1;

  /** Calls `settle` once everything below `end` is synced on every in-sync replica: now, or later in order of ends. */
  settled(end: number, settle: () => void): void {
    if (end <= this.#highWatermark) return settle();
    const at = this.#waiting.findLastIndex((other) => other.end <= end);
    this.#waiting.splice(at + 1, 0, { end, settle });
  }

  /** This node has synced everything below `end`. */
  localSynced(end: number): void {
    assert(end >= this.#highWatermark, "the high watermark never falls");
    this.#highWatermark = end;
    let count = 0;
    while ((this.#waiting[count]?.end ?? Infinity) <= end) count += 1;
    for (const { settle } of this.#waiting.splice(0, count)) settle();
  }
}
