/**
 * What a node can be told about its logs beside the configs of topics: memory, retention, compaction.
 */
import { integer, one, type Setting, toggle, type ValuesOf } from "../lib/setting.ts";
import { defaultLogLimits, type LogLimits } from "./limits.ts";

const MIB = 1024 * 1024;

export const logSettings = {
  "queued-bytes-max": one(
    integer(MIB, 1024 * 1024 * MIB),
    String(64 * MIB),
    "Records that wait to be written, over all partitions; past it appends are refused, but for one request alone. " +
      "As much again may large HTTP bodies hold while they come in; past it they wait, then are refused (503).",
  ),
  "tail-cache-bytes": one(
    integer(0, 1024 * 1024 * MIB),
    String(16 * MIB),
    "The newest records kept in memory for who reads along, over all partitions.",
  ),
  "log-retention-check-interval-ms": one(
    integer(1, 2 ** 31 - 1),
    "300000",
    "How often retention looks for old records.",
    "log.retention.check.interval.ms",
  ),
  "log-cleaner-enable": one(
    toggle,
    "true",
    "Compact the logs of topics whose `cleanup.policy` says so.",
    "log.cleaner.enable",
  ),
  "log-cleaner-backoff-ms": one(
    integer(1, 2 ** 31 - 1),
    "15000",
    "How long compaction pauses between two looks at the logs.",
    "log.cleaner.backoff.ms",
  ),
  "log-cleaner-dedupe-buffer-size": one(
    integer(64 * 1024, 2 ** 31 - 1),
    String(16 * MIB),
    "Memory for the keys of the log that is being compacted: 24 bytes each.",
    "log.cleaner.dedupe.buffer.size",
  ),
  "producer-id-expiration-ms": one(
    integer(1, Number.MAX_SAFE_INTEGER),
    "86400000",
    "How long a request that is safe to repeat is remembered.",
    "producer.id.expiration.ms",
  ),
} as const satisfies Record<string, Setting<unknown>>;

export function logLimitsOf(said: ValuesOf<typeof logSettings>): LogLimits {
  return {
    ...defaultLogLimits,
    queuedBytesPerNode: said["queued-bytes-max"],
    tailCacheBytes: said["tail-cache-bytes"],
    retentionCheckMs: said["log-retention-check-interval-ms"],
    cleanerBackoffMs: said["log-cleaner-backoff-ms"],
    cleanerBufferBytes: said["log-cleaner-dedupe-buffer-size"],
    receiptMs: said["producer-id-expiration-ms"],
  };
}
