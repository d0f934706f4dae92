/**
 * One page of one partition, as asked: for a program that keeps its own place in the log. `records` reads on by itself.
 */
import { decodeRecord, isRecord, type Codec, type LogRecord, type WireRecord } from "./records.ts";
import { isFlag, isWhole, listOf, membersOf } from "./shape.ts";
import type { Call, Query, Transport } from "./transport.ts";

/**
 * Where to begin: an offset, the first record there is, the end, the first record at or past a time, or so many records
 * before the end.
 */
export type From = number | "earliest" | "latest" | Date | { readonly tail: number };

export type Isolation = "read_committed" | "read_uncommitted";

export interface FetchOptions {
  readonly partition: number;
  /** The first record there is, if not said. */
  readonly from?: From | undefined;
  /** Reading stops before this offset. */
  readonly to?: number | undefined;
  readonly recordsMax?: number | undefined;
  readonly bytesMax?: number | undefined;
  /** With `waitMs`: answer once this much is there. */
  readonly bytesMin?: number | undefined;
  /** How long to wait for a record at the end of the log; at most 25 s. */
  readonly waitMs?: number | undefined;
  readonly isolation?: Isolation | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The ends of a log as its readers see them. */
export interface LogEnds {
  readonly logStart: number;
  readonly highWatermark: number;
  readonly lastStable: number;
  readonly epoch: number;
}

export interface Page<Value, Key> extends LogEnds {
  readonly records: readonly LogRecord<Value, Key>[];
  /** The offset to read on from. */
  readonly next: number;
  /** True when there was no more to read. */
  readonly upToDate: boolean;
}

export interface WireEnds {
  readonly log_start: number;
  readonly high_watermark: number;
  readonly last_stable: number;
  readonly epoch: number;
}

export interface WirePage extends WireEnds {
  readonly records: readonly WireRecord[];
  readonly next: number;
  readonly up_to_date: boolean;
}

/** What reading on needs of a page. */
export const pageChecks = {
  records: listOf(isRecord),
  next: isWhole,
  high_watermark: isWhole,
  last_stable: isWhole,
};

const isPage = membersOf<WirePage>({
  ...pageChecks,
  up_to_date: isFlag,
  log_start: isWhole,
  epoch: isWhole,
});

/** @throws KedgeError `offset_trimmed` below the log start, with `problem.earliest`; `offset_out_of_range` past the end. */
export async function fetchPage(
  transport: Transport,
  codec: Codec,
  options: FetchOptions,
): Promise<Page<unknown, unknown>> {
  const { partition, signal } = options;
  const call: Call = {
    method: "GET",
    path: ["v1", "topics", codec.topic, "partitions", partition, "records"],
    query: queryOf(options, codec),
    repeatable: true,
    waitMs: options.waitMs ?? 0,
    signal,
  };
  const wire = await transport.json(call, isPage);
  return {
    records: await decodeRecords(wire.records, codec),
    next: wire.next,
    upToDate: wire.up_to_date,
    ...endsOf(wire),
  };
}

function queryOf(options: FetchOptions, codec: Codec): Query {
  return {
    from: options.from === undefined ? undefined : fromText(options.from),
    to: options.to,
    max_records: options.recordsMax,
    max_bytes: options.bytesMax,
    min_bytes: options.bytesMin,
    wait_ms: options.waitMs,
    isolation: options.isolation,
    as: wireFormat(codec),
  };
}

/** Bytes come as base64, anything else as the node finds it: parsing and checking are done here. */
export function wireFormat(codec: Codec): "auto" | "b64" {
  return codec.format === "bytes" ? "b64" : "auto";
}

function endsOf(wire: WireEnds): LogEnds {
  return {
    logStart: wire.log_start,
    highWatermark: wire.high_watermark,
    lastStable: wire.last_stable,
    epoch: wire.epoch,
  };
}

export function fromText(from: From): string {
  if (typeof from === "number") return String(from);
  if (typeof from === "string") return from;
  return from instanceof Date ? `ts:${from.getTime()}` : `tail:${from.tail}`;
}

/** Waits only where a schema does. */
function decodeRecords(
  records: readonly WireRecord[],
  codec: Codec,
): Promise<LogRecord<unknown, unknown>[]> {
  return Promise.all(records.map(async (record) => decodeRecord(record, codec)));
}
