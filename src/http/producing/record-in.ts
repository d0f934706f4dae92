/**
 * Records as people send them in JSON, into records as the log takes them.
 *
 * - Written by hand beside the schema that documents it (`schema/record.ts`), since a schema costs several times more a
 *   record; a property test holds the two together.
 * - Nothing is guessed: a bare number or object, a missing value, a lone surrogate, an unknown member are refused.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { NewRecord, RecordHeader } from "../../records/record.ts";
import { OFFSET_MAX } from "../schema/shapes.ts";

export const HEADERS_MAX = 1_000;
export const PARTITION_MAX = 2 ** 31 - 1;
export const TIMESTAMP_MAX = OFFSET_MAX;

/** A record and where it wants to go. */
export interface IncomingRecord {
  readonly topic: string | null;
  readonly partition: number | null;
  readonly record: NewRecord;
}

const encoder = new TextEncoder();
const noHeaders: readonly RecordHeader[] = [];

/** Reads one record; `where` names it in refusals (invalid_request). */
export function recordOf(value: unknown, where: string): IncomingRecord {
  if (!isObject(value)) throw wrong(where, "must be a record: an object with a value");
  let topic: string | null = null;
  let partition: number | null = null;
  let key: Uint8Array | null = null;
  let data: Uint8Array | null | undefined;
  let headers = noHeaders;
  let timestampMs: number | null = null;
  for (const name in value) {
    const member = value[name];
    switch (name) {
      case "value":
        data = bytesOf(member, where, "value");
        break;
      case "key":
        key = bytesOf(member, where, "key");
        break;
      case "headers":
        headers = headersOf(member, where);
        break;
      case "timestamp":
        timestampMs = integerOf(member, `${where}.timestamp`, TIMESTAMP_MAX);
        break;
      case "partition":
        partition = integerOf(member, `${where}.partition`, PARTITION_MAX);
        break;
      case "topic":
        if (typeof member !== "string") throw wrong(`${where}.topic`, "must be a topic's name");
        topic = member;
        break;
      default:
        throw wrong(
          where,
          `has an unknown member ${JSON.stringify(name.slice(0, 40))}; a record has value, key, headers, timestamp, partition`,
        );
    }
  }
  if (data === undefined)
    throw wrong(`${where}.value`, 'is missing: send text, {"json": …}, {"b64": "…"} or null');
  return { topic, partition, record: { key, value: data, headers, timestampMs } };
}

/** The bytes of `Data`: text as UTF-8, JSON as its text, base64 decoded; null stays null. */
function bytesOf(data: unknown, where: string, member: string): Uint8Array | null {
  if (typeof data === "string") {
    if (!data.isWellFormed())
      throw wrong(`${where}.${member}`, "holds a lone surrogate, which UTF-8 cannot carry");
    return encoder.encode(data);
  }
  if (data === null) return null;
  if (!isObject(data))
    throw wrong(
      `${where}.${member}`,
      'must be text, {"json": …}, {"b64": "…"} or null, not a bare value',
    );
  const names = Object.keys(data);
  if (names.length === 1 && "json" in data) return encoder.encode(JSON.stringify(data["json"]));
  if (names.length === 1 && "b64" in data) return base64Of(data["b64"], `${where}.${member}.b64`);
  throw wrong(`${where}.${member}`, 'must have exactly one member, "json" or "b64"');
}

function base64Of(text: unknown, where: string): Uint8Array {
  if (typeof text !== "string") throw wrong(where, "must be base64 text");
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw wrong(where, "is not base64 (RFC 4648)");
  }
}

function headersOf(value: unknown, where: string): RecordHeader[] {
  if (!Array.isArray(value)) throw wrong(`${where}.headers`, "must be a list of [name, data]");
  if (value.length > HEADERS_MAX)
    throw wrong(`${where}.headers`, `are more than the ${HEADERS_MAX} a record may have`);
  return value.map((pair: unknown, index) => {
    const place = `${where}.headers.${index}`;
    if (!Array.isArray(pair) || pair.length !== 2) throw wrong(place, "must be [name, data]");
    const [name, data]: unknown[] = pair;
    if (typeof name !== "string" || !name.isWellFormed())
      throw wrong(place, "must begin with a name of well-formed text");
    return { name, value: bytesOf(data, place, "1") };
  });
}

function integerOf(value: unknown, where: string, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max)
    throw wrong(where, `must be an integer from 0 to ${max}`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(where: string, words: string): Refusal {
  return new Refusal("invalid_request", `${where}: ${words}.`);
}
