/**
 * Records as text: the JSON object a line that `consume` writes and `produce` reads back, and the line a person reads.
 * The JSON is the API's own form: text where it is UTF-8, else `{"b64": …}`.
 */
import { nearest } from "../lib/nearest.ts";
import { UsageError } from "../lib/setting.ts";
import type { LogRecord, NewRecord, TextOrBytes } from "../client/client.ts";
import { printable } from "./output.ts";

/** A record on its way in, and the topic that the line names, if any. */
export interface ReadLine {
  readonly record: NewRecord<unknown>;
  readonly topic: string | undefined;
}

export function recordJson(record: LogRecord<TextOrBytes>): string {
  return JSON.stringify({
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestamp,
    timestamp_type: record.timestampType,
    key: data(record.key),
    value: data(record.value),
    headers: record.headers.map(([name, value]) => [name, data(value)]),
  });
}

function data(value: TextOrBytes | null): unknown {
  return value instanceof Uint8Array ? { b64: Buffer.from(value).toString("base64") } : value;
}

/** What a line may say; an offset, and what kind of timestamp it was, are the new log's own affair. */
const fields = [
  "topic",
  "partition",
  "offset",
  "timestamp",
  "timestamp_type",
  "key",
  "value",
  "headers",
];

/** @throws UsageError that says what is wrong with the line. */
export function parseRecordJson(line: string): ReadLine {
  const parsed: unknown = parse(line);
  if (isObject(parsed)) refuseUnknown(parsed);
  if (!isObject(parsed) || !("value" in parsed))
    throw new UsageError('must be a JSON object with a "value" (null for a tombstone)');
  const { topic, partition, timestamp, headers, key } = parsed;
  return {
    topic: typeof topic === "string" ? topic : undefined,
    record: {
      value: value(parsed["value"]),
      key: key === undefined ? null : text(key, "key"),
      headers: headers === undefined ? undefined : headerPairs(headers),
      partition: wholeOrNothing(partition, "partition"),
      timestamp: wholeOrNothing(timestamp, "timestamp"),
    },
  };
}

/** A field that is misspelled would be lost without a word. */
function refuseUnknown(parsed: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(parsed).find((name) => !fields.includes(name));
  if (unknown === undefined) return;
  const near = nearest(unknown, fields);
  const hint = near === null ? `there are ${fields.join(", ")}` : `did you mean "${near}"?`;
  throw new UsageError(`has a field "${unknown}" that no record has; ${hint}`);
}

function wholeOrNothing(given: unknown, where: string): number | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given === "number" && Number.isSafeInteger(given)) return given;
  throw new UsageError(`"${where}" must be a whole number`);
}

declare global {
  // A standard that TypeScript's library has not yet.
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

/** What only a line has in which a number may be more than a double can hold. */
const doubtfulNumber = /[\d.]{16}|\d[eE]/;

function parse(line: string): unknown {
  try {
    return doubtfulNumber.test(line) ? JSON.parse(line, asWritten) : JSON.parse(line);
  } catch (error) {
    throw new UsageError(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A number that a double would change stays the text it is. */
function asWritten(_name: string, given: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof given !== "number" || source === undefined || Number.isSafeInteger(given))
    return given;
  return JSON.stringify(given) === source ? given : JSON.rawJSON(source);
}

/** As the API takes it; an object or number that stands there bare is taken as JSON too. */
function value(given: unknown): unknown {
  if (isObject(given) && Object.keys(given).length === 1) {
    if ("json" in given) return json(given["json"]);
    if (typeof given["b64"] === "string") return bytes(given["b64"], "value");
  }
  return typeof given === "string" || given === null ? given : json(given);
}

/** Spelled here and sent as text, so that a JSON string keeps its quotes and null is the JSON null. */
function json(given: unknown): string {
  return JSON.stringify(given);
}

function text(given: unknown, where: string): TextOrBytes | null {
  if (given === null || typeof given === "string") return given;
  if (isObject(given) && typeof given["b64"] === "string") return bytes(given["b64"], where);
  if (isObject(given) && "json" in given) return json(given["json"]);
  throw new UsageError(`"${where}" must be text, {"b64": …} or null`);
}

function bytes(base64: string, where: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    throw new UsageError(`"${where}" holds what is not base64`);
  }
}

function headerPairs(given: unknown): (readonly [string, TextOrBytes | null])[] {
  const pairs: unknown[] = Array.isArray(given)
    ? given
    : isObject(given)
      ? Object.entries(given)
      : [given];
  return pairs.map((pair) => {
    if (!Array.isArray(pair) || typeof pair[0] !== "string")
      throw new UsageError('"headers" must be [["name", "value"], …]');
    return [pair[0], text(pair[1] ?? null, "headers")] as const;
  });
}

const KEY_WIDTH = 16;

/** Partition, offset, time, key and value on one line, for a terminal. */
export function recordLine(record: LogRecord<TextOrBytes>): string {
  const { partition, offset, timestamp, key, value, headers } = record;
  const time = new Date(timestamp).toISOString();
  const place = `${String(partition).padStart(3)} ${String(offset).padStart(8)}`;
  const names = headers.map(([name, value]) => `${name}=${shown(value)}`).join(" ");
  const tail = names === "" ? "" : `  [${printable(names)}]`;
  return `${place}  ${time}  ${shown(key).padEnd(KEY_WIDTH)}  ${shown(value)}${tail}`;
}

export const recordLineHead = `PAR   OFFSET  ${"TIME".padEnd(24)}  ${"KEY".padEnd(KEY_WIDTH)}  VALUE`;

function shown(value: TextOrBytes | null): string {
  if (value === null) return "(null)";
  if (typeof value === "string") return printable(value);
  const hex = Buffer.from(value.subarray(0, 32)).toString("hex");
  return `(${value.length} bytes: ${hex}${value.length > 32 ? "…" : ""})`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
