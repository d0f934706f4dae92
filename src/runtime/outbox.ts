/**
 * Bytes on their way to a socket that takes only some of them at a time.
 *
 * - Small pieces that stand side by side are joined, so that a frame of many parts is not as many system calls.
 * - Left out: a bound. Whoever writes asks `bytes` first.
 */
import { joined } from "../lib/bytes.ts";

/** Smaller pieces are joined up to this size. */
const JOINED_BYTES = 16 * 1024;

export class Outbox {
  #pieces: Uint8Array[] = [];
  #first = 0;
  #bytes = 0;

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  push(pieces: readonly Uint8Array[]): void {
    for (const piece of inFewer(pieces)) {
      this.#pieces.push(piece);
      this.#bytes += piece.byteLength;
    }
  }

  /** Hands pieces to `send`, which says how many bytes it took, until it takes less than it was given; negative: it is closed. */
  flush(send: (piece: Uint8Array) => number): void {
    for (;;) {
      const piece = this.#pieces[this.#first];
      if (!piece) break;
      const sent = send(piece);
      if (sent > 0) this.#bytes -= sent;
      if (sent < piece.byteLength) {
        if (sent > 0) this.#pieces[this.#first] = piece.subarray(sent);
        return;
      }
      this.#first += 1;
    }
    this.clear();
  }

  clear(): void {
    this.#pieces = [];
    this.#first = 0;
    this.#bytes = 0;
  }
}

/** The same bytes in fewer pieces; large ones stay as they are. */
export function inFewer(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  if (pieces.length < 2) return pieces.filter((piece) => piece.byteLength > 0);
  const result: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  let bytes = 0;
  const flush = () => {
    if (run.length > 0) result.push(joined(run));
    run = [];
    bytes = 0;
  };
  for (const piece of pieces) {
    if (piece.byteLength === 0) continue;
    if (bytes + piece.byteLength > JOINED_BYTES) flush();
    if (piece.byteLength > JOINED_BYTES) {
      result.push(piece);
      continue;
    }
    run.push(piece);
    bytes += piece.byteLength;
  }
  flush();
  return result;
}
