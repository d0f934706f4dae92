/**
 * What the load process can be asked to do, and what it answers: plain data, since it crosses a process boundary.
 */

/** One kind of request, told so that it need not be sent a thousand times for a thousand paths. */
export interface Writes {
  readonly method: string;
  /** Taken in turn, so that one job can spread over partitions or topics. */
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBase64: string;
  /** How many records one request carries. */
  readonly records: number;
}

/** How a reader learns where to go on. */
export type Position = "batches" | "json" | "stream";

export interface Reads {
  /** The path and query, with `{next}` where the position goes. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly from: string;
  readonly position: Position;
}

/** Closed loop: each connection sends its next request when the last was answered. */
export interface ProduceJob {
  readonly type: "produce";
  readonly port: number;
  readonly pid: number;
  readonly connections: number;
  /** Loops this long before it counts. */
  readonly warmMs: number;
  /** Ends after this long, or after `requests` when that is given (then there is no warm-up). */
  readonly runMs: number;
  readonly requests?: number;
  readonly writes: Writes;
}

/** Reads a log from `from` until `bytes` of body have come, with several readers at once. */
export interface ReadJob {
  readonly type: "read";
  readonly port: number;
  readonly pid: number;
  readonly readers: number;
  /** Where the log ends: an offset, or for a stream nothing (its own header says so). */
  readonly end: number;
  readonly reads: Reads;
}

/** Appends one record at a time and takes the time until a parked reader has it. */
export interface LatencyJob {
  readonly type: "latency";
  readonly port: number;
  readonly pid: number;
  readonly count: number;
  readonly warmCount: number;
  /** Rest between two appends, so that the reader is parked again. */
  readonly pauseMs: number;
  readonly bodyBytes: number;
  readonly write: { readonly path: string; readonly headers: Readonly<Record<string, string>> };
  readonly reader: "long-poll" | "sse";
  readonly reads: Reads;
}

/** Parks readers that nothing will wake, and leaves them so until `release`. */
export interface ParkJob {
  readonly type: "park";
  readonly port: number;
  readonly count: number;
  readonly paths: readonly string[];
}

export interface ReleaseJob {
  readonly type: "release";
}

export type Job = ProduceJob | ReadJob | LatencyJob | ParkJob | ReleaseJob;

/** Figures of one job. Times are from the load's side; CPU is that of the timed part only. */
export interface Outcome {
  readonly seconds: number;
  readonly requests: number;
  readonly records: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuSeconds: number;
  readonly clientCpuSeconds: number;
}

export type Reply = { readonly outcome: Outcome } | { readonly error: string };
