/**
 * The cleaner: looks over all logs every `log.cleaner.backoff.ms` and compacts those whose topic asks for it and that are
 * dirty enough, one at a time, so that what they cost together is bounded.
 *
 * - A log whose batches, or pages, cannot be read is left alone until the next start, as in Kafka; one whose storage fails
 *   otherwise is tried again.
 */
import type { Timer } from "../../lib/clock.ts";
import { Refusal } from "../../lib/refusal.ts";
import { StorageFault } from "../../storage/storage.ts";
import { cleanable, isDue } from "./cleanable.ts";
import { compact } from "./compaction.ts";
import type { LogNode } from "../log-node.ts";
import type { Partition } from "../partition.ts";

export class Cleaner {
  readonly #node: LogNode;
  readonly #partitions: () => Iterable<Partition>;
  readonly #unreadable = new WeakSet<Partition>();
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(node: LogNode, partitions: () => Iterable<Partition>) {
    this.#node = node;
    this.#partitions = partitions;
  }

  start(): void {
    if (this.#stopped) return;
    const { clock, limits } = this.#node;
    this.#timer = clock.after(limits.cleanerBackoffMs, () => {
      this.#running = this.run().then(() => {
        this.#running = null;
        this.start();
      });
    });
  }

  /** Resolves once the step under way has settled. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Compacts every log that is due, until none of them is. */
  async run(): Promise<void> {
    for (const partition of this.#partitions()) {
      if (this.#stopped) return;
      if (!partition.config.compact || this.#unreadable.has(partition)) continue;
      try {
        await this.#clean(partition);
      } catch (error) {
        this.#failed(partition, error);
      }
      await this.#node.clock.turn();
    }
  }

  async #clean(partition: Partition): Promise<void> {
    const { clock, logger } = this.#node;
    while (!partition.closedBy && !this.#stopped) {
      const nowMs = clock.nowMs();
      const range = await cleanable(partition, nowMs);
      if (!range || !(await isDue(partition, range, nowMs))) return;
      const compacted = await compact(partition, range, nowMs, () => this.#stopped);
      if (!compacted) return;
      logger.info("a log was compacted", {
        topicId: partition.topicId,
        partition: partition.index,
        from: range.dirtyFrom,
        ...compacted,
      });
    }
  }

  #failed(partition: Partition, error: unknown): void {
    if (error instanceof StorageFault && error.kind === "closed") return;
    const { topicId, index } = partition;
    const facts = { topicId, partition: index, error };
    const isDamage = error instanceof StorageFault && error.kind === "damaged";
    if (error instanceof StorageFault && !isDamage) {
      this.#node.logger.warn("compaction failed; it is tried again", facts);
    } else if (error instanceof Refusal || isDamage) {
      if (error instanceof Refusal && error.code === "not_leader_or_follower") return;
      if (partition.closedBy) return;
      this.#unreadable.add(partition);
      this.#node.logger.error("a log cannot be compacted; it is left as it is", facts);
    } else {
      throw error;
    }
  }
}
