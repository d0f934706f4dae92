/**
 * What the load did and was told, as it wrote it down itself: one JSON line an event, in the order in which things happened.
 * A line stands in the file before the request goes out, and before anybody acts on an answer.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** A value's name and the number of bytes that pad it: enough to build the value again. */
export type ValueName = readonly [id: string, padding: number];
export type Place = readonly [partition: number, offset: number];

export type LedgerEvent =
  | { readonly type: "sent"; readonly worker: string; readonly values: readonly ValueName[] }
  /** Acknowledged: the values are in the log at these places, for good. */
  | {
      readonly type: "acked";
      readonly worker: string;
      readonly values: readonly ValueName[];
      readonly places: readonly Place[];
    }
  /** Refused without side effects: the values must never show up. */
  | { readonly type: "refused"; readonly worker: string; readonly values: readonly ValueName[] }
  /** The connection went before the answer and nobody asks again: there at most once. */
  | { readonly type: "unanswered"; readonly worker: string; readonly values: readonly ValueName[] }
  /** A consumer was given these values, the first at `from`, without a hole. */
  | {
      readonly type: "seen";
      readonly partition: number;
      readonly from: number;
      readonly values: readonly string[];
    }
  /** An answer that is not in the book. */
  | { readonly type: "wrong"; readonly worker: string; readonly what: string };

export function valueText([id, padding]: ValueName): string {
  return `${id}:${"x".repeat(padding)}`;
}

export class LedgerWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(event: LedgerEvent): void {
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }
}

/** Follows a ledger that is being written; gives whole lines only. */
export class LedgerReader {
  readonly #file: number;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    closeSync(openSync(path, "a"));
    this.#file = openSync(path, "r");
  }

  /** Every event since the last call. */
  next(): LedgerEvent[] {
    const piece = Buffer.alloc(1 << 20);
    for (;;) {
      const read = readSync(this.#file, piece);
      if (read === 0) break;
      this.#rest = Buffer.concat([this.#rest, piece.subarray(0, read)]);
    }
    const end = this.#rest.lastIndexOf("\n") + 1;
    const lines = this.#rest.toString("utf8", 0, end).split("\n").slice(0, -1);
    this.#rest = this.#rest.subarray(end);
    // Written by LedgerWriter alone.
    return lines.map((line) => JSON.parse(line) as LedgerEvent);
  }
}
