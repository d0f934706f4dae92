/**
 * What a topic's configs ask of the records that come in: keys, sizes, timestamps. The same rules whether they come as
 * records or as a batch that a client made (Kafka's LogValidator).
 */
import { Refusal } from "../lib/refusal.ts";
import { recordBytesMax } from "../records/batch-encode.ts";
import { readRecords } from "../records/batch-read.ts";
import { BATCH_HEADER_BYTES, type BatchHeader } from "../records/batch.ts";
import type { NewRecord } from "../records/record.ts";
import { DECOMPRESSED_BYTES_MAX } from "./append-request.ts";
import type { TopicConfig } from "./topic-config.ts";

/** Kafka's "no timestamp": not checked, and kept. */
const NO_TIMESTAMP = -1;

export function checkRecord(record: NewRecord, config: TopicConfig, nowMs: number): void {
  const bytes = BATCH_HEADER_BYTES + recordBytesMax(record);
  if (bytes > config.messageBytesMax) {
    throw new Refusal(
      "message_too_large",
      `A record takes ${bytes} bytes; the topic's max.message.bytes is ${config.messageBytesMax}.`,
      { bytes, max: config.messageBytesMax },
    );
  }
  if (config.compact && record.key === null) throw missingKey();
  if (record.timestampMs !== null) checkTimestamp(record.timestampMs, config, nowMs);
}

/** Of a batch as it came, and again where the topic's compression makes another of it. */
export function checkBatchSize(bytes: number, { messageBytesMax }: TopicConfig): void {
  if (bytes <= messageBytesMax) return;
  throw new Refusal(
    "message_too_large",
    `The batch has ${bytes} bytes; the topic's max.message.bytes is ${messageBytesMax}.`,
    { bytes, max: messageBytesMax },
  );
}

/** Opens the batch only where a rule needs each of its records. */
export function checkBatchRecords(
  bytes: Uint8Array,
  header: BatchHeader,
  config: TopicConfig,
  nowMs: number,
): void {
  checkBatchSize(bytes.byteLength, config);
  const bounded = config.timestampType === "create" && config.timestampBeforeMaxMs < Infinity;
  checkTimestamp(header.maxTimestamp, config, nowMs);
  if (!config.compact && !bounded) return;
  for (const record of readRecords(bytes, 0, { decompressedBytesMax: DECOMPRESSED_BYTES_MAX })) {
    if (config.compact && record.key === null) throw missingKey();
    if (bounded) checkTimestamp(record.timestampMs, config, nowMs);
  }
}

function checkTimestamp(timestampMs: number, config: TopicConfig, nowMs: number): void {
  if (config.timestampType === "append" || timestampMs === NO_TIMESTAMP) return;
  const least = nowMs - config.timestampBeforeMaxMs;
  const greatest = nowMs + config.timestampAfterMaxMs;
  if (timestampMs >= least && timestampMs <= greatest && Number.isSafeInteger(timestampMs)) return;
  throw new Refusal(
    "invalid_timestamp",
    timestampMs > greatest
      ? `The timestamp ${timestampMs} is more than message.timestamp.after.max.ms ahead of the broker's clock.`
      : `The timestamp ${timestampMs} is more than message.timestamp.before.max.ms behind the broker's clock.`,
    { timestamp: timestampMs, now: nowMs },
  );
}

function missingKey(): Refusal {
  return new Refusal("invalid_record", "A compacted topic takes only records with a key.");
}
