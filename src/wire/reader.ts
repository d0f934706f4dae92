/**
 * Reads the values of Kafka's wire from bytes that nobody vouches for.
 *
 * - Every length is checked against the bytes that are there before anything is made of it; a lie is refused.
 * - Byte fields are views on the frame, never copies: whoever keeps one keeps the frame.
 * - Elements of all arrays together are bounded, since a byte on the wire may become a hundred in memory.
 * - int64 is a plain number where it is exact and refused beyond, or, with `nearest`, the nearest that is; `int64Big` takes all
 *   of them.
 */
import type { Int64 } from "../lib/int64.ts";
import { LongMessage } from "./long-message.ts";
import { malformed } from "./malformed.ts";
import { zeroUuid } from "./uuid.ts";

/** Elements that the arrays of one message may have together: more than the partitions of any sane request. */
const ELEMENTS_MAX = 500_000;
/** Longer texts do not exist in Kafka's notation: their length was an int16 once. */
export const STRING_BYTES_MAX = 0x7fff;
/** Up to here a loop over characters is faster than a call to the decoder. */
const SHORT_STRING_BYTES = 24;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #atOnce: boolean;
  readonly #nearest: boolean;
  #elementsLeft: number;
  /** The position of the next byte. */
  at = 0;
  /** Kept by the steps of a long message: the elements since the last one. */
  sinceStep = 0;

  /** With `elementsAtOnce` a message of more elements than that is a `LongMessage`. */
  constructor(
    bytes: Uint8Array,
    limits: {
      readonly elementsMax?: number;
      readonly elementsAtOnce?: number;
      readonly nearest?: boolean;
    } = {},
  ) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#atOnce = limits.elementsAtOnce !== undefined;
    this.#nearest = limits.nearest ?? false;
    this.#elementsLeft = limits.elementsAtOnce ?? limits.elementsMax ?? ELEMENTS_MAX;
  }

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  /** Refuses bytes that are left over when the message has ended. */
  end(): void {
    if (this.at !== this.bytes.length)
      throw malformed(`The message ends ${this.remaining} bytes before its frame does.`);
  }

  int8(): number {
    return this.#view.getInt8(this.take(1));
  }

  /** As Kafka reads it: anything but 0 is true. */
  bool(): boolean {
    return this.#view.getInt8(this.take(1)) !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.take(2));
  }

  uint16(): number {
    return this.#view.getUint16(this.take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.take(4));
  }

  uint32(): number {
    return this.#view.getUint32(this.take(4));
  }

  int64(): number {
    const at = this.take(8);
    const value = this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
    if (Number.isSafeInteger(value)) return value;
    if (!this.#nearest) throw malformed("An int64 is beyond 2^53.");
    return value < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
  }

  /** A bigint where a number is not exact. */
  int64Exact(): Int64 {
    const at = this.take(8);
    const value = this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
    return Number.isSafeInteger(value) ? value : this.#view.getBigInt64(at);
  }

  int64Big(): bigint {
    return this.#view.getBigInt64(this.take(8));
  }

  float64(): number {
    return this.#view.getFloat64(this.take(8));
  }

  uuid(): string {
    const at = this.take(16);
    const view = this.#view;
    if (
      view.getInt32(at) === 0 &&
      view.getInt32(at + 4) === 0 &&
      view.getInt32(at + 8) === 0 &&
      view.getInt32(at + 12) === 0
    )
      return zeroUuid;
    const bytes = this.bytes.subarray(at, at + 16);
    return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  }

  /** Seven bits a byte, least significant first, at most 32 bits. */
  uvarint(): number {
    const { bytes } = this;
    const first = bytes[this.at];
    if (first !== undefined && first < 0x80) {
      this.at += 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[this.take(1)] ?? 0;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed("A variable-length integer has more than 32 bits.");
  }

  /** A length as the compact forms have it (one more, 0 for null): -1 is null. */
  compactLength(): number {
    return this.uvarint() - 1;
  }

  /** `length` bytes of text, refused where they are not UTF-8. */
  text(length: number): string {
    if (length > STRING_BYTES_MAX) throw malformed(`A string has ${length} bytes.`);
    const from = this.take(length);
    const to = this.at;
    const { bytes } = this;
    if (length <= SHORT_STRING_BYTES) {
      let text = "";
      for (let at = from; at < to; at += 1) {
        const byte = bytes[at] ?? 0;
        if (byte >= 0x80) return this.#decode(from, to);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return this.#decode(from, to);
  }

  /** A view on the next `length` bytes. */
  view(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Takes the count of an array whose elements have at least `elementBytesMin` bytes each, or refuses it. */
  count(count: number, elementBytesMin: number): number {
    if (count < 0) throw malformed("An array has a negative length.");
    const isLong = count > this.#elementsLeft;
    if (count * elementBytesMin > this.remaining || (isLong && !this.#atOnce))
      throw malformed(`An array claims ${count} elements, more than its message can hold.`);
    if (isLong) throw new LongMessage();
    this.#elementsLeft -= count;
    return count;
  }

  /** Moves on by `length` bytes and gives the position of the first of them. */
  take(length: number): number {
    const { at } = this;
    if (length < 0) throw malformed("A length is negative.");
    if (length > this.bytes.length - at) throw malformed("The message ends too early.");
    this.at = at + length;
    return at;
  }

  #decode(from: number, to: number): string {
    try {
      return utf8.decode(this.bytes.subarray(from, to));
    } catch {
      throw malformed("A string is not UTF-8.");
    }
  }
}
