/**
 * What a topic's configs ask of the records that come in: keys, sizes, timestamps. The same rules whether they come as
 * records or as a batch that a client made (Kafka's LogValidator).
 */
import { Refusal } from "../../lib/refusal.ts";
import { recordBytesMax } from "../../records/batch-encode.ts";
import type { BatchContents } from "../../records/batch-check.ts";
import { visitRecords, type VisitOptions } from "../../records/batch-visit.ts";
import { BATCH_HEADER_BYTES, type BatchHeader } from "../../records/batch.ts";
import type { RecordWalk } from "../../records/record-walk.ts";
import type { NewRecord } from "../../records/record.ts";
import type { TopicConfig } from "../configs/topic-config.ts";

/** Kafka's "no timestamp": not checked, and kept. */
const NO_TIMESTAMP = -1;
/** The most records of one batch that a refusal names. */
const WRONG_RECORDS_MAX = 1000;

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
function checkBatchSize(bytes: number, { messageBytesMax }: TopicConfig): void {
  if (bytes <= messageBytesMax) return;
  throw new Refusal(
    "message_too_large",
    `The batch has ${bytes} bytes; the topic's max.message.bytes is ${messageBytesMax}.`,
    { bytes, max: messageBytesMax },
  );
}

/** A client's batch, by what its records are together. */
export function checkBatchRecords(
  bytes: Uint8Array,
  { minTimestamp, maxTimestamp, keyless }: BatchContents,
  config: TopicConfig,
  nowMs: number,
): void {
  checkBatchSize(bytes.byteLength, config);
  try {
    if (config.compact && keyless) throw missingKey();
    checkTimestamp(maxTimestamp, config, nowMs);
    checkTimestamp(minTimestamp, config, nowMs);
  } catch (error) {
    throw error instanceof Refusal ? new RuleBroken(error, config, nowMs) : error;
  }
}

/** A batch refused for what some of its records are. */
export class RuleBroken extends Refusal {
  readonly #config: TopicConfig;
  readonly #nowMs: number;

  constructor({ code, message, facts }: Refusal, config: TopicConfig, nowMs: number) {
    super(code, message, facts);
    this.#config = config;
    this.#nowMs = nowMs;
  }

  /** The same with the records that are wrong. As in Kafka, a wrong time is what the whole is refused for where both are met. */
  async detailed(bytes: Uint8Array, header: BatchHeader, options: VisitOptions): Promise<Refusal> {
    const wrong: { index: number; refusal: Refusal }[] = [];
    const visit = (walk: RecordWalk, index: number): boolean => {
      const refusal = this.#judge(walk.keyBytes < 0, header.baseTimestamp + walk.timestampDelta);
      if (refusal) wrong.push({ index, refusal });
      return wrong.length < WRONG_RECORDS_MAX;
    };
    await visitRecords(bytes, 0, header, visit, options);
    const whole = wrong.find(({ refusal }) => refusal.code === "invalid_timestamp") ?? wrong[0];
    const { code, message, facts } = whole?.refusal ?? this;
    const records = wrong.map(({ index, refusal }) => ({ index, detail: refusal.message }));
    return new Refusal(code, message, facts, records);
  }

  #judge(keyless: boolean, timestampMs: number): Refusal | null {
    try {
      if (this.#config.compact && keyless) throw missingKey();
      checkTimestamp(timestampMs, this.#config, this.#nowMs);
      return null;
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
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
