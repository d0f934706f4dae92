/**
 * Records as a program sees them, and their way to and from the wire through a topic's codec.
 */
import {
  decodeText,
  decodeValue,
  encodeText,
  encodeValue,
  type Format,
  type TextOrBytes,
  type WireData,
} from "./data.ts";
import { isObject, KedgeError, SchemaError, type RecordPlace } from "./errors.ts";
import { isText, isWhole, listOf, maybe, membersOf, type Check } from "./shape.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** Header names with their values, in order; a name may come more than once. */
export type Headers = readonly (readonly [name: string, value: TextOrBytes | null])[];

/** A record on its way in. A null value is a tombstone. */
export interface NewRecord<Value, Key = TextOrBytes> {
  readonly value: Value | null;
  /** Records of one key stay in one partition, in order. */
  readonly key?: Key | null | undefined;
  readonly headers?: Headers | Readonly<Record<string, TextOrBytes | null>> | undefined;
  readonly partition?: number | undefined;
  /** Milliseconds since the epoch; the time of arrival if there is none. */
  readonly timestamp?: number | Date | undefined;
}

/** A record as the log keeps it. */
export interface LogRecord<Value, Key = TextOrBytes> extends RecordPlace {
  readonly key: Key | null;
  readonly value: Value | null;
  readonly headers: Headers;
  readonly timestamp: number;
  readonly timestampType: "create" | "append";
}

/** Where a record went. With `acks: 0` nobody says: partition and offset are -1. */
export interface Receipt {
  readonly partition: number;
  readonly offset: number;
  /** What the node gave the record; null where the program's own stands. */
  readonly timestamp: number | null;
}

export interface WireNewRecord {
  readonly value: WireData;
  key?: WireData;
  headers?: (readonly [string, WireData])[];
  partition?: number;
  timestamp?: number;
}

export interface WireRecord extends RecordPlace {
  readonly timestamp: number;
  readonly timestamp_type: "create" | "append";
  readonly key: WireData;
  readonly value: WireData;
  readonly headers?: readonly (readonly [string, WireData])[];
}

const isData: Check<WireData> = (data): data is WireData =>
  data === null || isText(data) || (isObject(data) && ("json" in data || isText(data["b64"])));

const isHeader = (pair: unknown): pair is readonly [string, WireData] =>
  Array.isArray(pair) && pair.length === 2 && isText(pair[0]) && isData(pair[1]);

const isTimestampType = (word: unknown): word is "create" | "append" =>
  word === "create" || word === "append";

export const placeChecks = { topic: isText, partition: isWhole, offset: isWhole };

export const isRecord = membersOf<WireRecord>({
  ...placeChecks,
  timestamp: isWhole,
  timestamp_type: isTimestampType,
  key: isData,
  value: isData,
  headers: maybe(listOf(isHeader)),
});

/** How one topic's keys and values are written, checked and read. */
export interface Codec {
  readonly topic: string;
  readonly format: Format;
  readonly value: StandardSchema | undefined;
  readonly key: StandardSchema | undefined;
}

/**
 * A record as JSON text for the wire; a promise only where a schema answers with one. The log holds what the program
 * gave (the schema's input); readers get what the schema makes of it.
 *
 * @throws SchemaError (or rejects with it) for a key or value that does not fit; TypeError for what no record can hold.
 */
export function encodeRecord(
  record: NewRecord<unknown, unknown>,
  codec: Codec,
): string | Promise<string> {
  const { key, value } = record;
  const pending = [
    value === null ? null : checked(codec.value, value, codec.topic, null),
    key === null || key === undefined ? null : checked(codec.key, key, codec.topic, null),
  ];
  if (pending.some((result) => result instanceof Promise))
    return Promise.all(pending).then(() => write(record, codec));
  return write(record, codec);
}

function write(record: NewRecord<unknown, unknown>, codec: Codec): string {
  const wire: WireNewRecord = { value: encodeValue(record.value, codec.format) };
  const { key, headers, partition, timestamp } = record;
  if (key !== undefined && key !== null) {
    if (typeof key !== "string" && !(key instanceof Uint8Array))
      throw new TypeError(`A key is text or bytes, not ${typeof key}.`);
    wire.key = encodeText(key);
  }
  if (headers !== undefined) wire.headers = headerPairs(headers);
  if (partition !== undefined) wire.partition = partition;
  if (timestamp !== undefined) wire.timestamp = Number(timestamp);
  return JSON.stringify(wire);
}

function headerPairs(headers: NonNullable<NewRecord<unknown>["headers"]>) {
  const pairs = isPairs(headers) ? headers : Object.entries(headers);
  return pairs.map(([name, value]) => [name, encodeText(value)] as const);
}

function isPairs(headers: NonNullable<NewRecord<unknown>["headers"]>): headers is Headers {
  return Array.isArray(headers);
}

/**
 * A record of the wire as its topic's codec gives it; a promise only where a schema answers with one.
 *
 * @throws SchemaError (or rejects with it) for a record that is not of the codec's format, or not of its schemas.
 */
export function decodeRecord(
  wire: WireRecord,
  codec: Codec,
): LogRecord<unknown, unknown> | Promise<LogRecord<unknown, unknown>> {
  const { partition, offset, timestamp, timestamp_type: timestampType } = wire;
  const place = { topic: codec.topic, partition, offset };
  const raw = readable(() => decodeValue(wire.value, codec.format), place);
  const text = decodeText(wire.key);
  const value = raw === null ? null : checked(codec.value, raw, codec.topic, place);
  const key = text === null ? null : checked(codec.key, text, codec.topic, place);
  const headers = (wire.headers ?? []).map(([name, data]) => [name, decodeText(data)] as const);
  if (!(value instanceof Promise) && !(key instanceof Promise))
    return { ...place, key, value, headers, timestamp, timestampType };
  return Promise.all([key, value]).then(([key, value]) => {
    return { ...place, key, value, headers, timestamp, timestampType };
  });
}

function readable(read: () => unknown, place: RecordPlace): unknown {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof KedgeError) throw cause;
    const words = cause instanceof Error ? cause.message : String(cause);
    throw new SchemaError([{ message: `the value cannot be read: ${words}` }], place.topic, place);
  }
}

function checked(
  schema: StandardSchema | undefined,
  value: unknown,
  topic: string,
  place: RecordPlace | null,
): unknown {
  if (schema === undefined) return value;
  const settle = (result: Awaited<ReturnType<StandardSchema["~standard"]["validate"]>>) => {
    if (result.issues) throw new SchemaError(result.issues, topic, place);
    return result.value;
  };
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(settle) : settle(result);
}
