/**
 * Retention: how far the oldest of a log may go, by age and by size, and the pass over all logs that lets it go.
 *
 * - Kafka deletes whole segments; here a row takes the segment's place. By age: rows whose newest record is too old, and all
 *   before them. By size: as many of the oldest rows as leave at least `retention.bytes`.
 * - Never past the high watermark. A row's age goes by the largest timestamp up to it, so one record from the future keeps what
 *   follows it until its own time has come (as it does in Kafka within its segment).
 * - The same pass forgets producers that have been silent for long and receipts that have expired, and has logs that have
 *   been silent for a while store their producers.
 * - The rows themselves are deleted by storage, in bounded chunks and when it likes.
 */
import { StorageFault } from "../storage/storage.ts";
import type { Timer } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";
import type { LogNode } from "./log-node.ts";
import type { Partition } from "./partition.ts";

/** The log start that retention asks for, which may be the one it has. Throws StorageFault. */
async function retainedStart(partition: Partition, nowMs: number): Promise<number> {
  const { config, logStart } = partition;
  if (!config.delete || logStart >= partition.highWatermark) return logStart;
  const byAge = await startByAge(partition, nowMs);
  const bySize = await startBySize(partition);
  return Math.min(Math.max(logStart, byAge, bySize), partition.highWatermark);
}

async function startByAge(partition: Partition, nowMs: number): Promise<number> {
  const { retentionMs } = partition.config;
  if (retentionMs === Infinity) return 0;
  const { highWatermark } = partition;
  if (partition.maxTimestamp < nowMs - retentionMs) return highWatermark;
  const place = { timestampMs: nowMs - retentionMs };
  const kept = await partition.node.storage.locate(partition.id, place);
  return kept?.base ?? 0;
}

async function startBySize(partition: Partition): Promise<number> {
  const { retentionBytes } = partition.config;
  if (partition.bytes() <= retentionBytes) return 0;
  const { storage } = partition.node;
  const { highWatermark } = partition;
  const position = partition.endPosition - retentionBytes;
  const head = await storage.locate(partition.id, { position });
  if (head?.position === position) return head.base;
  // The row before it reaches into what must be kept.
  const { rows } = await storage.read(partition.id, (head?.base ?? highWatermark) - 1, 1);
  return rows[0]?.base ?? 0;
}

/** Goes over all logs every `log.retention.check.interval.ms`. */
export class RetentionPass {
  readonly #node: LogNode;
  readonly #partitions: () => Iterable<Partition>;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(node: LogNode, partitions: () => Iterable<Partition>) {
    this.#node = node;
    this.#partitions = partitions;
  }

  start(): void {
    if (this.#stopped) return;
    const { clock, limits } = this.#node;
    this.#timer = clock.after(limits.retentionCheckMs, () => {
      void this.run().then(() => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** One pass over all logs; a log whose storage fails is left for the next one. */
  async run(): Promise<void> {
    const { clock, logger, storage } = this.#node;
    const silentMs = clock.nowMs() - this.#node.limits.receiptMs;
    for (const partition of this.#partitions()) {
      if (this.#stopped) return;
      await partition.storeProducers(silentMs);
      try {
        await this.#retain(partition);
      } catch (error) {
        if (!(error instanceof StorageFault) && !(error instanceof Refusal)) throw error;
        const { topicId, index } = partition;
        const facts = { topicId, partition: index, error };
        // A topic that was deleted meanwhile, or is led by another, keeps nothing here.
        if (error instanceof StorageFault)
          logger.warn("retention failed; it is tried again at the next pass", facts);
      }
      await clock.turn();
    }
    try {
      await storage.forgetReceipts(clock.nowMs());
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      logger.warn("expired receipts could not be forgotten; tried again later", { error });
    }
  }

  async #retain(partition: Partition): Promise<void> {
    const { clock, logger } = this.#node;
    if (partition.closedBy) return;
    const before = partition.logStart;
    const start = await retainedStart(partition, clock.nowMs());
    if (start <= before) return;
    await partition.trim(start);
    logger.info("old records were deleted", {
      topicId: partition.topicId,
      partition: partition.index,
      from: before,
      to: start,
    });
  }
}
