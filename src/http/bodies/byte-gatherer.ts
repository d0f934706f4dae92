/**
 * Bytes that come in pieces, copied into one buffer that doubles: a client may send a byte a piece, and a list of pieces
 * would cost a hundred times what they hold.
 */

/** What pieces are gathered in at first. */
const BYTES_MIN = 1_024;

export class ByteGatherer {
  #buffer: Uint8Array<ArrayBuffer>;
  #size = 0;

  /** `bytes`: how many are expected; a right guess spares every copy but one. */
  constructor(bytes = 0) {
    this.#buffer = new Uint8Array(bytes);
  }

  get size(): number {
    return this.#size;
  }

  add(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    if (size > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.#buffer.length, BYTES_MIN));
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#buffer.set(piece, this.#size);
    this.#size = size;
  }

  /** All of it, in a buffer of its own size; what is gathered then begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const isFull = this.#size === this.#buffer.length;
    const bytes = isFull ? this.#buffer : this.#buffer.slice(0, this.#size);
    this.#buffer = new Uint8Array(0);
    this.#size = 0;
    return bytes;
  }
}
