/**
 * kafkajs's record batch codec, reached below its public interface. It has gzip alone, cannot write a null header value
 * and gives header names as an object's keys.
 */
import { createRequire } from "node:module";
import type { NewRecord } from "../../src/records/record.ts";
import type { Codec } from "../../src/records/compression.ts";
import { type JsonRecord, base64 } from "./records-json.ts";

const require = createRequire(import.meta.url);
// Untyped source: these are the signatures that it has in 2.2.4.
const { RecordBatch } = require("kafkajs/src/protocol/recordBatch/v0") as {
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
};
const encodeRecord = require("kafkajs/src/protocol/recordBatch/record/v0") as (
  record: object,
) => unknown;
const decodeBatch = require("kafkajs/src/protocol/recordBatch/v0/decoder") as (
  decoder: unknown,
) => Promise<{ records: KafkaJsRecord[] }>;
const Decoder = require("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => unknown;

interface KafkaJsRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, Buffer | Buffer[]>;
}

export const kafkaJsCodecs: readonly Codec[] = ["none", "gzip"];

export async function encodeWithKafkaJs(
  records: readonly NewRecord[],
  codec: Codec,
): Promise<Uint8Array> {
  return new Uint8Array(await writeKafkaJs(toKafkaJs(records), codec));
}

interface KafkaJsMessage {
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, Buffer | null>;
}

/** Records as the client's users hand them in. */
export function toKafkaJs(records: readonly NewRecord[]): KafkaJsMessage[] {
  return records.map((record) => ({
    timestamp: record.timestampMs ?? 0,
    key: record.key && Buffer.from(record.key),
    value: record.value && Buffer.from(record.value),
    headers: Object.fromEntries(
      record.headers.map(({ name, value }) => [name, value && Buffer.from(value)]),
    ),
  }));
}

/** What the client's produce request does with them. */
export async function writeKafkaJs(
  messages: readonly KafkaJsMessage[],
  codec: Codec,
): Promise<Buffer> {
  const times = messages.map(({ timestamp }) => timestamp);
  const first = times[0] ?? 0;
  const { buffer } = await RecordBatch({
    compression: kafkaJsCodecs.indexOf(codec),
    firstTimestamp: first,
    maxTimestamp: Math.max(...times),
    lastOffsetDelta: messages.length - 1,
    records: messages.map(({ timestamp, key, value, headers }, offsetDelta) =>
      encodeRecord({ offsetDelta, timestampDelta: timestamp - first, key, value, headers }),
    ),
  });
  return buffer;
}

export async function readKafkaJs(bytes: Buffer): Promise<readonly KafkaJsRecord[]> {
  return (await decodeBatch(new Decoder(bytes))).records;
}

export async function decodeWithKafkaJs(bytes: Uint8Array): Promise<JsonRecord[]> {
  const records = await readKafkaJs(Buffer.from(bytes));
  return records.map((record) => ({
    offset: Number(record.offset),
    timestampMs: Number(record.timestamp),
    key: base64(record.key),
    value: base64(record.value),
    headers: Object.entries(record.headers).flatMap(([name, value]) =>
      [value].flat().map((each) => [name, base64(each)] as const),
    ),
  }));
}
