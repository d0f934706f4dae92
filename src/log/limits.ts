/**
 * The log's named limits: nothing in this room grows past one of them.
 */

export interface LogLimits {
  /** Bytes of requests that wait for one partition; past it appends are refused. */
  readonly queuedBytesPerPartition: number;
  /** Bytes of requests that wait for any partition; past it appends are refused, but for what one request brought alone. */
  readonly queuedBytesPerNode: number;
  /** Requests that wait for one partition. */
  readonly queuedRequestsPerPartition: number;
  /** Payload of one commit; a single larger request still goes, alone. */
  readonly commitBytesMax: number;
  readonly commitRequestsMax: number;
  /** Recently appended bytes kept in memory for readers at the tail, over all partitions. */
  readonly tailCacheBytes: number;
  readonly tailCacheRows: number;
  /** Requests of one producer, and of one partition, that arrived before their predecessor. */
  readonly earlyRequestsPerProducer: number;
  readonly earlyRequestsPerPartition: number;
  /** How long such a request waits for its predecessor. */
  readonly earlyRequestWaitMs: number;
  /** Receipts kept in memory over all partitions; older ones are read from storage. */
  readonly receiptsCached: number;
  /** Kafka's `producer.id.expiration.ms`: how long a receipt is kept, and a silent producer remembered. */
  readonly receiptMs: number;
  /** Producers remembered in one partition, and in all: past it those that have been silent longest are forgotten. */
  readonly producersPerPartition: number;
  readonly producersPerNode: number;
  /** How much of a log, and of all logs, may have to be read back at a start to know their producers. */
  readonly producersBehindBytes: number;
  readonly producersBehindBytesPerNode: number;
  /** Producers of one partition that storage may not know of yet. */
  readonly producersUnstored: number;
  /** The newest aborted transactions of one partition that are kept in memory. */
  readonly abortedCached: number;
  /** Waiters woken in one go, before other work gets its turn. */
  readonly wakeSlice: number;
  /** Kafka's `log.retention.check.interval.ms`. */
  readonly retentionCheckMs: number;
  /** Kafka's `log.cleaner.backoff.ms`: the pause between two looks for logs to compact. */
  readonly cleanerBackoffMs: number;
  /** Kafka's `log.cleaner.dedupe.buffer.size`: memory for the keys of the log that is being compacted. */
  readonly cleanerBufferBytes: number;
}

const MiB = 1024 * 1024;

export const defaultLogLimits: LogLimits = {
  queuedBytesPerPartition: 32 * MiB,
  queuedBytesPerNode: 64 * MiB,
  queuedRequestsPerPartition: 20_000,
  commitBytesMax: 4 * MiB,
  commitRequestsMax: 4096,
  tailCacheBytes: 16 * MiB,
  tailCacheRows: 65_536,
  earlyRequestsPerProducer: 64,
  earlyRequestsPerPartition: 1024,
  earlyRequestWaitMs: 5000,
  receiptsCached: 50_000,
  receiptMs: 86_400_000,
  producersPerPartition: 20_000,
  producersPerNode: 200_000,
  producersBehindBytes: 4 * MiB,
  producersBehindBytesPerNode: 64 * MiB,
  producersUnstored: 1000,
  abortedCached: 1000,
  wakeSlice: 256,
  retentionCheckMs: 300_000,
  cleanerBackoffMs: 15_000,
  cleanerBufferBytes: 16 * MiB,
};
