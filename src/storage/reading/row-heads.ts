/**
 * Rows that lie side by side in one buffer, as plain numbers: a message of many small objects costs both threads as much as
 * reading what they stand for.
 */
import { assert } from "../../lib/assert.ts";
import { Contradiction } from "../files/sqlite-error.ts";
import type { PageBuffer } from "../messages/messages.ts";
import type { Row, RowHead } from "../storage.ts";

/** Numbers a row: base, last, epoch, position, and how many bytes it has. */
const NUMBERS = 5;

export class RowHeads {
  readonly #numbers: number[] = [];
  readonly #gaps: number[] = [];
  #bytes = 0;
  #next: number;
  #position = -1;

  /** `next`: where the first row is to begin, at the latest. */
  constructor(next: number) {
    this.#next = next;
  }

  /** Where the next row is to begin. */
  get next(): number {
    return this.#next;
  }

  /** Offsets from which on there is no row, and after which the next one does not follow in log position either. */
  get gaps(): readonly number[] {
    return this.#gaps;
  }

  /** Of all rows. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws Contradiction for a row that does not lie behind the one before. */
  add({ base, last, epoch, position }: RowHead, bytes: number): void {
    if (last < this.#next || base > last || (base < this.#next && this.#position >= 0))
      throw new Contradiction(`offsets ${base} to ${last} are found behind ${this.#next - 1}`);
    if (base > this.#next && position !== this.#position) this.#gaps.push(this.#next);
    this.#numbers.push(base, last, epoch, position, bytes);
    this.#bytes += bytes;
    this.#next = last + 1;
    this.#position = position + bytes;
  }

  packed(): Float64Array {
    return Float64Array.from(this.#numbers);
  }
}

/** The rows again, as views of the buffer that they lie in. */
export function rowsIn(buffer: PageBuffer, heads: Float64Array): Row[] {
  const rows: Row[] = [];
  let at = 0;
  for (let head = 0; head < heads.length; head += NUMBERS) {
    const bytes = heads[head + 4] ?? 0;
    rows.push({
      base: heads[head] ?? 0,
      last: heads[head + 1] ?? 0,
      epoch: heads[head + 2] ?? 0,
      position: heads[head + 3] ?? 0,
      data: new Uint8Array(buffer, at, bytes),
    });
    at += bytes;
  }
  assert(at <= buffer.byteLength, "the rows of a page lie in it");
  return rows;
}
