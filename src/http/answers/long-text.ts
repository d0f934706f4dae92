/**
 * Text of an answer, which may get long: from `TEXT_LENGTH_MAX` characters on it is kept as the bytes that are sent.
 *
 * - A long text is never one string: a page of 8 MB would be that once more as it is joined, and again as it is encoded, and
 *   the garbage of a few such pages is there until somebody collects it.
 * - Its buffers are its own, so that each of them is let go when the client has taken it.
 */
import { assert } from "../../lib/assert.ts";
import type { Runs } from "./reply.ts";

const TEXT_LENGTH_MAX = 128 * 1024;
const BUFFER_BYTES = 256 * 1024;
/** A character of UTF-8 at most. */
const CHARACTER_BYTES = 4;

const encoder = new TextEncoder();

/** A place in a text, to go back to. */
export interface Mark {
  readonly text: string;
  readonly buffers: number;
  readonly used: number;
  readonly bytes: number;
}

export class LongText {
  /** What is not in a buffer yet. */
  #text = "";
  readonly #buffers: Uint8Array<ArrayBuffer>[] = [];
  /** What of the last buffer is used; the others are full. */
  #used = BUFFER_BYTES;
  #bytes = 0;

  add(text: string): void {
    this.#text += text;
    if (this.#text.length >= TEXT_LENGTH_MAX) this.#flush();
  }

  mark(): Mark {
    const { length: buffers } = this.#buffers;
    return { text: this.#text, buffers, used: this.#used, bytes: this.#bytes };
  }

  /** Takes back what was added since. */
  goBack({ text, buffers, used, bytes }: Mark): void {
    assert(buffers <= this.#buffers.length, "a text goes back to where it has been");
    this.#text = text;
    this.#buffers.length = buffers;
    this.#used = used;
    this.#bytes = bytes;
  }

  /** All of it, with what stands around it, as the body of an answer; nothing is added afterwards. */
  finish(before = "", after = ""): string | Runs {
    if (this.#buffers.length === 0) return before + this.#text + after;
    this.add(after);
    this.#flush();
    const last = this.#buffers.pop();
    assert(last, "what was flushed lies in a buffer");
    const isHalf = this.#used >= BUFFER_BYTES / 2;
    const runs = [
      ...this.#buffers,
      isHalf ? last.subarray(0, this.#used) : last.slice(0, this.#used),
    ];
    const head = encoder.encode(before);
    if (before !== "") runs.unshift(head);
    return { runs, length: head.length + this.#bytes, isOwn: true };
  }

  #flush(): void {
    let rest = this.#text;
    this.#text = "";
    while (rest !== "") {
      let buffer = this.#buffers.at(-1);
      if (!buffer || BUFFER_BYTES - this.#used < CHARACTER_BYTES) {
        this.#end();
        buffer = new Uint8Array(BUFFER_BYTES);
        this.#buffers.push(buffer);
        this.#used = 0;
      }
      const { read, written } = encoder.encodeInto(rest, buffer.subarray(this.#used));
      this.#used += written;
      this.#bytes += written;
      rest = rest.slice(read);
    }
  }

  /** The last buffer may end short of a character. */
  #end(): void {
    const last = this.#buffers.pop();
    if (last) this.#buffers.push(last.subarray(0, this.#used));
  }
}
