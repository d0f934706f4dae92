/**
 * Cuts a stream of bytes into lines, holding no more than one unfinished line.
 */

import { ByteGatherer } from "./byte-gatherer.ts";

const NEWLINE = 10;
const RETURN = 13;

/** A line was longer than allowed; where the next one begins is not known. */
export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

export class LineCutter {
  readonly #begun: ByteGatherer;
  readonly #bytesMax: number;
  #ended = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#begun = new ByteGatherer();
  }

  /** Bytes of the line that has begun and not ended. */
  get begunBytes(): number {
    return this.#begun.size;
  }

  /** Lines that have ended, empty ones too: the number, from 1, of the one that was given last. */
  get ended(): number {
    return this.#ended;
  }

  /** The lines that this chunk completes, without their ends; empty ones are left out. Throws LineTooLong. */
  *push(chunk: Uint8Array): Iterable<Uint8Array> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (this.#begun.size + piece.length > this.#bytesMax) throw new LineTooLong();
      if (end < 0) {
        this.#begun.add(piece);
        return;
      }
      const line = trimmed(this.#take(piece));
      this.#ended += 1;
      if (line.length > 0) yield line;
      from = end + 1;
    }
  }

  /** The last line, where the stream ended without a newline. */
  *end(): Iterable<Uint8Array> {
    const line = trimmed(this.#begun.take());
    this.#ended += 1;
    if (line.length > 0) yield line;
  }

  #take(last: Uint8Array): Uint8Array {
    if (this.#begun.size === 0) return last;
    this.#begun.add(last);
    return this.#begun.take();
  }
}

function trimmed(line: Uint8Array): Uint8Array {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}
