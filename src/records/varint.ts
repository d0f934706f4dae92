/**
 * Kafka's variable-length integers: seven bits a byte, least significant first, zig-zag signed.
 *
 * - Reads go through a `Cursor` and refuse bytes that run out, run long, or leave the exact integers: never a wrong number.
 * - 64-bit values are plain numbers below 2^53 here; a larger one is refused (no offset or timestamp needs it).
 */
import { Refusal } from "../lib/refusal.ts";

/** An integer that is well formed and not exact here: damage in what is stored, a wrong time in what a client sends. */
export class BeyondExact extends Refusal {
  constructor() {
    super("corrupt_message", "A variable-length integer is beyond 2^53.");
  }
}

/** A place in bytes that a read moves on; one is made a batch, none a record. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Reads a zig-zag varint of at most five bytes as a signed 32-bit integer. */
export function readVarint(cursor: Cursor): number {
  const first = cursor.bytes[cursor.at];
  if (first === undefined) throw ranOut();
  if (first < 0x80) {
    cursor.at += 1;
    return (first >>> 1) ^ -(first & 1);
  }
  return readLongVarint(cursor);
}

function readLongVarint(cursor: Cursor): number {
  const { bytes } = cursor;
  let unsigned = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[cursor.at];
    if (byte === undefined) throw ranOut();
    cursor.at += 1;
    if (shift === 28 && byte > 0x0f) break;
    unsigned |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (unsigned >>> 1) ^ -(unsigned & 1);
  }
  throw new Refusal("corrupt_message", "A variable-length integer has more than 32 bits.");
}

/** Reads a zig-zag varlong of at most ten bytes; refuses a value beyond 2^53 either way. */
export function readVarlong(cursor: Cursor): number {
  const first = cursor.bytes[cursor.at];
  if (first === undefined) throw ranOut();
  if (first < 0x80) {
    cursor.at += 1;
    return (first >>> 1) ^ -(first & 1);
  }
  let unsigned = 0;
  for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
    const byte = cursor.bytes[cursor.at];
    if (byte === undefined) throw ranOut();
    cursor.at += 1;
    // Exact below 2^53, and what passes it can only grow, so rounding cannot hide it.
    unsigned += (byte & 0x7f) * scale;
    if (byte >= 0x80) continue;
    if (unsigned > Number.MAX_SAFE_INTEGER) break;
    return unsigned % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2;
  }
  throw new BeyondExact();
}

/** Writes a signed 32-bit integer at `at` and gives the position behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let unsigned = ((value << 1) ^ (value >> 31)) >>> 0;
  let next = at;
  while (unsigned >= 0x80) {
    target[next++] = (unsigned & 0x7f) | 0x80;
    unsigned >>>= 7;
  }
  target[next++] = unsigned;
  return next;
}

/** Writes an exact integer (below 2^52 either way) at `at` and gives the position behind it. */
export function writeVarlong(target: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(target, at, value);
  let unsigned = value >= 0 ? value * 2 : -value * 2 - 1;
  let next = at;
  while (unsigned >= 0x80) {
    target[next++] = (unsigned % 128) | 0x80;
    unsigned = Math.floor(unsigned / 128);
  }
  target[next++] = unsigned;
  return next;
}

/** Bytes that `writeVarint` takes for a signed 32-bit integer. */
export function varintBytes(value: number): number {
  const unsigned = (value << 1) ^ (value >> 31);
  return unsigned === 0 ? 1 : Math.ceil((32 - Math.clz32(unsigned)) / 7);
}

/** Bytes that `writeVarlong` takes. */
export function varlongBytes(value: number): number {
  if (value === (value | 0)) return varintBytes(value);
  let unsigned = value >= 0 ? value * 2 : -value * 2 - 1;
  let bytes = 1;
  while (unsigned >= 0x80) {
    unsigned = Math.floor(unsigned / 128);
    bytes += 1;
  }
  return bytes;
}

function ranOut(): Refusal {
  return new Refusal("corrupt_message", "The records end in the middle of a record.");
}
