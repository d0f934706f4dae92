/**
 * Writes the values of Kafka's wire into a buffer that grows, and hands out what was written as a list of chunks.
 *
 * - Large byte fields are not copied: each becomes a chunk of its own between two of the buffer's, so that the records of a
 *   Fetch answer go from the log to the socket as they are. They must not be changed until the chunks are sent.
 * - A value that the notation cannot say is a bug (`assert`), but for lengths, which may come from a user: those are refused.
 */
import type { Int64 } from "../lib/int64.ts";
import { assert } from "../lib/assert.ts";
import { LongMessage } from "./long-message.ts";
import { malformed } from "./malformed.ts";
import { STRING_BYTES_MAX } from "./reader.ts";
import { UUID_BYTES } from "./uuid.ts";

/** From this size on byte fields are passed on, not copied. */
const PASS_ON_BYTES = 4_096;
const BYTES_AT_FIRST = 256;
/** Texts up to this length are written by a loop: faster than a call to the encoder. */
const SHORT_STRING_LENGTH = 40;
/** Below this many characters, of three bytes at most, the compact form counts the bytes in one byte. */
const COMPACT_LENGTH_SURE = 42;

const utf8 = new TextEncoder();

export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;
  /** Where the part of the buffer begins that is in no chunk yet. */
  #from = 0;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #elementsLeft: number;
  /** Kept by the steps of a long message: the elements since the last one. */
  sinceStep = 0;

  /** With `elementsAtOnce` a message of more elements than that is a `LongMessage`. */
  constructor(bytesExpected: number = BYTES_AT_FIRST, elementsAtOnce: number = Infinity) {
    this.#elementsLeft = elementsAtOnce;
    this.#bytes = new Uint8Array(bytesExpected);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#chunkBytes + this.#at - this.#from;
  }

  int8(value: number): void {
    const at = this.#take(1);
    this.#view.setInt8(at, value);
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int16(value: number): void {
    const at = this.#take(2);
    this.#view.setInt16(at, value);
  }

  uint16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value);
  }

  int32(value: number): void {
    const at = this.#take(4);
    this.#view.setInt32(at, value);
  }

  uint32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value);
  }

  int64(value: number): void {
    assert(Number.isSafeInteger(value), "an int64 is an exact integer");
    const at = this.#take(8);
    this.#view.setInt32(at, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(at + 4, value >>> 0);
  }

  int64Exact(value: Int64): void {
    if (typeof value === "bigint") this.int64Big(value);
    else this.int64(value);
  }

  int64Big(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigInt64(at, value);
  }

  float64(value: number): void {
    const at = this.#take(8);
    this.#view.setFloat64(at, value);
  }

  uuid(value: string): void {
    const at = this.#take(UUID_BYTES);
    const target = this.#bytes.subarray(at, at + UUID_BYTES);
    const { written } = target.setFromBase64(value, { alphabet: "base64url" });
    assert(written === UUID_BYTES, `"${value}" is a UUID`);
  }

  uvarint(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.int8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.int8(rest);
  }

  /** Notes an array of so many elements. */
  count(elements: number): void {
    this.#elementsLeft -= elements;
    if (this.#elementsLeft < 0) throw new LongMessage();
  }

  /** Text behind an int16 length. */
  string(value: string): void {
    this.#take(2);
    const length = this.#text(value);
    // Counted back from the end, since the text may have moved the buffer.
    this.#view.setInt16(this.#at - length - 2, length);
  }

  /** Text behind its length in compact form. */
  compactString(value: string): void {
    if (value.length < COMPACT_LENGTH_SURE) {
      this.#take(1);
      const length = this.#text(value);
      this.#view.setInt8(this.#at - length - 1, length + 1);
      return;
    }
    const bytes = utf8.encode(value);
    if (bytes.length > STRING_BYTES_MAX) throw tooLong(bytes.length);
    this.uvarint(bytes.length + 1);
    this.#copy(bytes);
  }

  /** Bytes as they are, without a length; large ones become a chunk of their own. */
  raw(value: Uint8Array): void {
    if (value.length < PASS_ON_BYTES) return this.#copy(value);
    this.#cut();
    this.#chunks.push(value);
    this.#chunkBytes += value.length;
  }

  /** What another writer has written. */
  append(other: Writer): void {
    for (const chunk of other.finish()) this.raw(chunk);
  }

  /** Everything written, in order. The writer is done. */
  finish(): Uint8Array[] {
    this.#cut();
    return this.#chunks;
  }

  /** Everything written as one frame of Kafka's: the first int32 written becomes the number of bytes behind it. */
  finishFrame(): Uint8Array[] {
    const size = this.length - 4;
    const chunks = this.finish();
    const [first] = chunks;
    assert(first && first.length >= 4, "a frame begins with room for its size");
    new DataView(first.buffer, first.byteOffset).setInt32(0, size);
    return chunks;
  }

  #copy(value: Uint8Array): void {
    const at = this.#take(value.length);
    this.#bytes.set(value, at);
  }

  #cut(): void {
    if (this.#at === this.#from) return;
    this.#chunks.push(this.#bytes.subarray(this.#from, this.#at));
    this.#chunkBytes += this.#at - this.#from;
    this.#from = this.#at;
  }

  #text(value: string): number {
    const { length } = value;
    if (length <= SHORT_STRING_LENGTH) {
      const from = this.#take(length);
      const bytes = this.#bytes;
      let index = 0;
      for (; index < length; index += 1) {
        const code = value.charCodeAt(index);
        if (code >= 0x80) break;
        bytes[from + index] = code;
      }
      if (index === length) return length;
      this.#at = from;
    }
    // A UTF-16 unit is three bytes of UTF-8 at most; what is not needed is given back.
    const from = this.#take(3 * length);
    const { written } = utf8.encodeInto(value, this.#bytes.subarray(from));
    if (written > STRING_BYTES_MAX) throw tooLong(written);
    this.#at = from + written;
    return written;
  }

  /**
   * Reserves `length` bytes and gives their position. The buffer may be another one afterwards: take first, then look at
   * `#bytes` or `#view`, in two statements.
   */
  #take(length: number): number {
    if (this.#at + length > this.#bytes.length) this.#grow(length);
    const at = this.#at;
    this.#at = at + length;
    return at;
  }

  /** Moves what is in no chunk yet to a buffer of at least twice its size; chunks keep the buffers they are views of. */
  #grow(length: number): void {
    const kept = this.#bytes.subarray(this.#from, this.#at);
    const size = Math.max(2 * this.#bytes.length, kept.length + length, BYTES_AT_FIRST);
    this.#bytes = new Uint8Array(size);
    this.#bytes.set(kept);
    this.#view = new DataView(this.#bytes.buffer);
    this.#at = kept.length;
    this.#from = 0;
  }
}

function tooLong(bytes: number): Error {
  return malformed(`A text of ${bytes} bytes does not fit Kafka's notation (${STRING_BYTES_MAX}).`);
}
