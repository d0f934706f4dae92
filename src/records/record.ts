/**
 * A record, before and after the log: what a door hands in, and what a reader gets.
 */

export interface RecordHeader {
  readonly name: string;
  readonly value: Uint8Array | null;
}

/** A record on its way in. A null value is a tombstone; a null timestamp is the time of arrival. */
export interface NewRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly timestampMs: number | null;
}

/** A record as the log keeps it. */
export interface LogRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}
