/**
 * Records as JSON, for peers in other languages and for fixtures: bytes are base64 or null, headers are pairs.
 */
import type { LogRecord, NewRecord } from "../../src/records/record.ts";

export interface JsonRecord {
  readonly offset?: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [name: string, value: string | null])[];
}

export function toJson(record: NewRecord | LogRecord): JsonRecord {
  return {
    ...("offset" in record ? { offset: record.offset } : {}),
    timestampMs: record.timestampMs ?? -1,
    key: base64(record.key),
    value: base64(record.value),
    headers: record.headers.map(({ name, value }) => [name, base64(value)]),
  };
}

export function base64(data: Uint8Array | null): string | null {
  return data && Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

export function bytes(data: string | null): Uint8Array | null {
  return data === null ? null : new Uint8Array(Buffer.from(data, "base64"));
}
