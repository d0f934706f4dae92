/**
 * What a content is sent as: a record without a key, or, in a compacted topic, one of a few keys, now and then a tombstone.
 */
import type { LogRecord, NewRecord } from "../../src/records/record.ts";

const KEYS = 7;
const TOMBSTONE_EVERY = 3;
/** The same on every try, as a client's would be: the digest of a request holds it. */
const TIMESTAMP_MS = 1_699_999_999_999;
/** Says what a record is whose value cannot. */
const HEADER = "content";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | null): string => new TextDecoder().decode(value ?? bytes(""));

export function isKeyed(topic: string): boolean {
  return topic.startsWith("compacted");
}

export function keyOf(content: string): string {
  return `k${numberOf(content) % KEYS}`;
}

export function isTombstone(content: string): boolean {
  return numberOf(content) % TOMBSTONE_EVERY === 0;
}

export function recordsOf(topic: string, contents: readonly string[]): NewRecord[] {
  return contents.map((content) => ({
    key: isKeyed(topic) ? bytes(keyOf(content)) : null,
    value: isKeyed(topic) && isTombstone(content) ? null : bytes(content),
    headers: isKeyed(topic) ? [{ name: HEADER, value: bytes(content) }] : [],
    timestampMs: TIMESTAMP_MS,
  }));
}

/** What was sent as this record. */
export function contentOf({ value, headers }: LogRecord): string {
  const [header] = headers;
  return textOf(header?.name === HEADER ? header.value : value);
}

/** The key as text; empty where there is none. */
export function keyTextOf({ key }: LogRecord): string {
  return textOf(key);
}

function numberOf(content: string): number {
  return Number(content.slice(1));
}
