/**
 * Rows that lie side by side in one buffer, as plain numbers: a message of many small objects costs both threads as much as
 * reading what they stand for.
 */
import { assert } from "../../lib/assert.ts";
import type { PageBuffer } from "../messages/messages.ts";
import type { Row, RowHead } from "../storage.ts";

/** Numbers a row: base, last, epoch, position, and how many bytes it has. */
const NUMBERS = 5;

export class RowHeads {
  readonly #numbers: number[] = [];
  #bytes = 0;

  /** Of all rows. */
  get bytes(): number {
    return this.#bytes;
  }

  add({ base, last, epoch, position }: RowHead, bytes: number): void {
    this.#numbers.push(base, last, epoch, position, bytes);
    this.#bytes += bytes;
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
