/**
 * The record batch codec of @platformatic/kafka, all five compressions.
 */
import {
  type MessageRecord,
  Reader,
  createRecordsBatch,
  readRecordsBatch,
} from "@platformatic/kafka";
import type { NewRecord } from "../../src/records/record.ts";
import type { Codec } from "../../src/records/compression.ts";
import { type JsonRecord, base64 } from "./records-json.ts";

export function encodeWithPlatformatic(records: readonly NewRecord[], codec: Codec): Uint8Array {
  return new Uint8Array(createRecordsBatch(toPlatformatic(records), { compression: codec }).buffer);
}

/** Records as the client's users hand them in. */
export function toPlatformatic(records: readonly NewRecord[]): MessageRecord[] {
  return records.map((record) => ({
    topic: "topic",
    timestamp: BigInt(record.timestampMs ?? 0),
    headers: new Map(
      record.headers.map(({ name, value }) => [Buffer.from(name), Buffer.from(value ?? [])]),
    ),
    // Its types know no null; its bytes do.
    key: (record.key && Buffer.from(record.key)) as Buffer,
    value: (record.value && Buffer.from(record.value)) as Buffer,
  }));
}

export function decodeWithPlatformatic(bytes: Uint8Array): JsonRecord[] {
  const batch = readRecordsBatch(Reader.from(Buffer.from(bytes)));
  return batch.records.map((record) => ({
    offset: Number(batch.firstOffset) + record.offsetDelta,
    timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
    key: base64(record.key),
    value: base64(record.value),
    headers: record.headers.map(([name, value]) => [String(name), base64(value)]),
  }));
}
