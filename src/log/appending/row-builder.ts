/**
 * Groups the batches of one commit into rows: small ones join, since a row costs more than a copy of them; a large one is a
 * row of its own, since copying it costs more than the row (0.92x the CPU at these bounds).
 */
import { assert } from "../../lib/assert.ts";
import type { Append } from "../../storage/storage.ts";

/** A batch from this size on is a row of its own. */
const OWN_ROW_BYTES = 64 * 1024;
/** A row of joined batches is full at this size. */
export const JOINED_ROW_BYTES = 256 * 1024;

export interface StampedBatch {
  readonly base: number;
  readonly last: number;
  readonly maxTimestamp: number;
  /** It has a producer id. */
  readonly produced: boolean;
  readonly data: Uint8Array;
  /** Nobody needs anything else of its buffer. */
  readonly ownsBuffer?: boolean;
}

export class RowBuilder {
  readonly #epoch: number;
  readonly #rows: Append[] = [];
  #joined: StampedBatch[] = [];
  #joinedBytes = 0;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  /** Takes the next batch, its offsets and epoch stamped. */
  add(batch: StampedBatch): void {
    const bytes = batch.data.byteLength;
    const own = bytes >= OWN_ROW_BYTES;
    if (own || this.#joinedBytes + bytes > JOINED_ROW_BYTES) this.#flush();
    this.#joined.push(batch);
    this.#joinedBytes += bytes;
    if (own) this.#flush();
  }

  finish(): Append[] {
    this.#flush();
    return this.#rows;
  }

  #flush(): void {
    const batches = this.#joined;
    const first = batches[0];
    const final = batches.at(-1);
    if (!first || !final) return;
    assert(final.last >= first.base, "batches of a row ascend");
    this.#rows.push({
      type: "append",
      base: first.base,
      last: final.last,
      epoch: this.#epoch,
      count: batches.length,
      maxTimestamp: batches.reduce((max, { maxTimestamp }) => Math.max(max, maxTimestamp), -1),
      producers: batches.some(({ produced }) => produced),
      ...(batches.length === 1
        ? { data: first.data, ownsBuffer: first.ownsBuffer ?? false }
        : { data: this.#join(batches) }),
    });
    this.#joined = [];
    this.#joinedBytes = 0;
  }

  #join(batches: readonly StampedBatch[]): Uint8Array {
    const data = new Uint8Array(this.#joinedBytes);
    let at = 0;
    for (const batch of batches) {
      data.set(batch.data, at);
      at += batch.data.byteLength;
    }
    return data;
  }
}
