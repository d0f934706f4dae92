/**
 * What changes a log beside appends: its start moves, compaction's rows take the place of others, storage is told of its
 * producers. Each has its turn between two commits of the writer.
 */
import type { Bounds, Entry } from "../storage/storage.ts";
import type { Commits } from "./appending/commits.ts";
import type { Writer } from "./appending/writer.ts";
import { notLed } from "./leader-epoch.ts";
import type { LogPositions } from "./log-positions.ts";
import type { Partition } from "./partition.ts";

export class LogChanges {
  readonly #partition: Partition;
  readonly #writer: Writer;
  readonly #commits: Commits;
  readonly #positions: LogPositions;

  constructor(partition: Partition, writer: Writer, commits: Commits, positions: LogPositions) {
    this.#partition = partition;
    this.#writer = writer;
    this.#commits = commits;
    this.#positions = positions;
  }

  /** As `Partition.trim`. */
  trim(before: number): Promise<number> {
    const { producers, watchers } = this.#partition;
    return this.#writer.exclusive(async () => {
      await this.#mayChange();
      const logStart = Math.min(before, this.#partition.highWatermark);
      if (logStart <= this.#positions.logStart) return this.#positions.logStart;
      // What is cut off may be all that tells of a producer.
      const put = producers.unstored();
      const entries: Entry[] = put ? [put] : [];
      entries.push({ type: "trim", logStart });
      await this.#commits.commit(entries, this.#commits.guard, "synced");
      const { logStart: moved, producersEnd } = await this.#relocate();
      if (put && put.end === producersEnd) producers.stored();
      // Who waits for a transaction may stand below the log's start now.
      if (producers.memory.open.size > 0) watchers.stableMayHaveMoved();
      return moved;
    });
  }

  /** As `Partition.rewrite`. */
  rewrite(logStart: number | null, entries: readonly Entry[]): Promise<boolean> {
    const { producers, node, tail } = this.#partition;
    return this.#writer.exclusive(async () => {
      await this.#mayChange();
      if (logStart !== null && logStart !== this.#positions.logStart) return false;
      // Batches that go may be all that tells of a producer.
      const put = entries.some(({ type }) => type === "rewrite") ? producers.unstored() : null;
      // Before the commit, whatever comes of it: what one reader found removed no other is shown.
      for (const entry of entries) if ("to" in entry) node.cache.dropTo(tail, entry.to);
      await this.#commits.inPlace(put ? [put, ...entries] : entries);
      if (put) producers.stored();
      const gone = entries.flatMap((entry) => (entry.type === "unaborted" ? [entry.last] : []));
      if (gone.length > 0) producers.aborted.dropped(new Set(gone));
      for (const entry of entries) {
        if (entry.type === "cleaned") this.#positions.cleanedTo = entry.to;
        if (entry.type === "pack") await this.#relocate();
      }
      return true;
    });
  }

  /** As `Partition.storeProducers`. */
  async storeProducers(beforeMs: number): Promise<void> {
    const { producers } = this.#partition;
    if (producers.memory.isEmpty) return;
    await producers.tryToStore(() =>
      this.#writer.exclusive(async () => {
        if (this.#partition.closedBy || this.#partition.mustRecover) return;
        producers.memory.expire(beforeMs);
        const put = producers.unstored();
        if (!put) return;
        await this.#commits.inPlace([put]);
        producers.stored();
      }),
    );
  }

  /** Throws what closed the partition; one whose state is not known reads it back first. */
  async #mayChange(): Promise<void> {
    if (this.#partition.closedBy) throw this.#partition.closedBy;
    if (this.#partition.mustRecover) await this.#partition.recover();
  }

  /** Learns where the log's rows lie after they have moved. */
  async #relocate(): Promise<Bounds> {
    const { node, id } = this.#partition;
    const bounds = await node.storage.bounds(id);
    // Deleted in between: the refusal that close() left tells so.
    if (!bounds) throw this.#partition.closedBy ?? notLed();
    this.#positions.logStart = bounds.logStart;
    this.#positions.startPosition = bounds.startPosition;
    return bounds;
  }
}
