/**
 * One partition's aborted transactions: the newest in memory, older ones in storage, where they were written with their markers.
 *
 * - Looked up by the span of a read, as Kafka collects them: those whose marker is at or past its first offset and whose first
 *   record lies below its end.
 */
import { ABORTED_READ_MAX, type AbortedTransaction } from "../../storage/storage.ts";
import type { PartitionId, Storage } from "../../storage/storage.ts";

export class AbortedIndex {
  readonly #storage: Storage;
  readonly #partition: PartitionId;
  readonly #cachedMax: number;
  /** Ascending by marker: all whose markers are at or past `#knownFrom`. */
  #cached: AbortedTransaction[] = [];
  #knownFrom: number;

  /** Storage knows of none at or past `end`. */
  constructor(storage: Storage, partition: PartitionId, end: number, cachedMax: number) {
    this.#storage = storage;
    this.#partition = partition;
    this.#knownFrom = end;
    this.#cachedMax = cachedMax;
  }

  /** Takes the next ones; their commit has settled. */
  add(aborted: readonly AbortedTransaction[]): void {
    for (const each of aborted) this.#cached.push(each);
    if (this.#cached.length > this.#cachedMax) {
      const dropped = this.#cached.splice(0, this.#cached.length >> 1);
      this.#knownFrom = (dropped.at(-1)?.last ?? -1) + 1;
    }
  }

  /** Compaction has left nothing of those whose markers were there. */
  dropped(markers: ReadonlySet<number>): void {
    this.#cached = this.#cached.filter(({ last }) => !markers.has(last));
  }

  /** Markers from `end` on may be in storage that were never added here. */
  forget(end: number): void {
    this.#cached = [];
    this.#knownFrom = end;
  }

  /** The aborted transactions that have records in [from, end), at once where memory knows. Throws StorageFault. */
  within(
    from: number,
    end: number,
  ): readonly AbortedTransaction[] | Promise<readonly AbortedTransaction[]> {
    if (from < this.#knownFrom) return this.#readWithin(from, end);
    if (this.#cached.length === 0) return [];
    return collect(this.#cached, from, end).found;
  }

  async #readWithin(from: number, end: number): Promise<readonly AbortedTransaction[]> {
    const all: AbortedTransaction[] = [];
    for (let next = from; ;) {
      const page = await this.#storage.aborted(this.#partition, next);
      const { found, whole } = collect(page, next, end);
      all.push(...found);
      const last = page.at(-1)?.last;
      if (whole || last === undefined || page.length < ABORTED_READ_MAX) return all;
      next = last + 1;
    }
  }
}

/** Whole: no later one can reach into the span. */
function collect(
  ascending: readonly AbortedTransaction[],
  from: number,
  end: number,
): { found: AbortedTransaction[]; whole: boolean } {
  const found: AbortedTransaction[] = [];
  for (const each of ascending) {
    if (each.last >= from && each.first < end) found.push(each);
    // Whatever ended later was not open below this.
    if (each.lastStable >= end) return { found, whole: true };
  }
  return { found, whole: false };
}
