/**
 * Cuts a stream of bytes into lines, holding no more than one unfinished line.
 */

const NEWLINE = 10;
const RETURN = 13;

/** A line was longer than allowed; where the next one begins is not known. */
export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

export class LineCutter {
  readonly #bytesMax: number;
  /** Pieces of the line that has begun. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that this chunk completes, without their ends; empty ones are left out. Throws LineTooLong. */
  *push(chunk: Uint8Array): Iterable<Uint8Array> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (this.#pieceBytes + piece.length > this.#bytesMax) throw new LineTooLong();
      if (end < 0) {
        if (piece.length > 0) this.#pieces.push(piece);
        this.#pieceBytes += piece.length;
        return;
      }
      const line = trimmed(this.#take(piece));
      if (line.length > 0) yield line;
      from = end + 1;
    }
  }

  /** The last line, where the stream ended without a newline. */
  *end(): Iterable<Uint8Array> {
    const line = trimmed(this.#take(new Uint8Array(0)));
    if (line.length > 0) yield line;
  }

  #take(last: Uint8Array): Uint8Array {
    if (this.#pieces.length === 0) return last;
    const line = new Uint8Array(this.#pieceBytes + last.length);
    let at = 0;
    for (const piece of [...this.#pieces, last]) {
      line.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#pieceBytes = 0;
    return line;
  }
}

function trimmed(line: Uint8Array): Uint8Array {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}
