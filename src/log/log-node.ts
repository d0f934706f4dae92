/**
 * What all partitions of a node share: storage, time, and everything that is bounded for the node as a whole.
 */
import type { TopicImage } from "../cluster/image.ts";
import type { Clock } from "../lib/clock.ts";
import { Deadlines } from "../lib/deadlines.ts";
import type { Logger } from "../lib/logger.ts";
import type { Storage } from "../storage/storage.ts";
import { BehindLogs } from "./producers/behind-logs.ts";
import { defaultLogLimits, type LogLimits } from "./limits.ts";
import { Opening } from "./opening.ts";
import type { ProducerCount } from "./producers/memory.ts";
import { ReceiptCache } from "./receipts/cache.ts";
import { TailCache } from "./reading/tail-cache.ts";
import type { TopicConfig } from "./configs/topic-config.ts";
import { WakeQueue } from "./reading/waiters.ts";

export interface LogNode {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: LogLimits;
  readonly cache: TailCache;
  readonly receipts: ReceiptCache;
  readonly deadlines: Deadlines;
  readonly wakes: WakeQueue;
  /** Producers remembered in all partitions. */
  readonly producers: ProducerCount;
  /** Logs whose producers storage does not know up to their ends. */
  readonly behind: BehindLogs;
  /** Requests that wait for any partition, and how many partitions are being written to. */
  readonly queued: { bytes: number; partitions: number };
  readonly configOf: (topic: TopicImage) => TopicConfig;
  readonly opening: Opening;
}

export function createLogNode(options: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly configOf: (topic: TopicImage) => TopicConfig;
  readonly limits?: LogLimits;
}): LogNode {
  const { storage, clock, logger, configOf, limits = defaultLogLimits } = options;
  return {
    storage,
    clock,
    logger,
    limits,
    configOf,
    cache: new TailCache(limits.tailCacheBytes, limits.tailCacheRows),
    receipts: new ReceiptCache(limits.receiptsCached),
    deadlines: new Deadlines(clock),
    wakes: new WakeQueue(clock, limits.wakeSlice),
    producers: { count: 0 },
    behind: new BehindLogs(limits.producersBehindBytesPerNode),
    opening: new Opening(clock),
    queued: { bytes: 0, partitions: 0 },
  };
}
