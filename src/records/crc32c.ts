/**
 * CRC-32C (Castagnoli), the checksum of a record batch.
 *
 * - Two ways to the same number: eight tables in JavaScript for short inputs, where a native call costs more than the sum
 *   (256 bytes: 170 ns against 230), and `@node-rs/crc32` above that (1 MiB: 14 GB/s against 1.7).
 * - The native module (10 to 20 ms) is loaded once inputs come to more than the tables do in a fraction of that: the first
 *   append after a start does not wait for it.
 */
import { createRequire } from "node:module";

const NATIVE_FROM_BYTES = 384;
/** What the tables sum up of longer inputs before the native module is worth its loading. */
const WITHOUT_NATIVE_BYTES = 128 * 1024;

type Native = typeof import("@node-rs/crc32");

let native: Native | undefined;
let bytesWithoutNative = 0;
let tables: Uint32Array | undefined;

/** The checksum of `bytes`, or of what came before and `bytes`, given the former's checksum as `seed`. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  if (bytes.length < NATIVE_FROM_BYTES) return crc32cByTables(bytes, seed);
  if (!native) {
    bytesWithoutNative += bytes.length;
    if (bytesWithoutNative <= WITHOUT_NATIVE_BYTES) return crc32cByTables(bytes, seed);
    native = loadNative();
  }
  return native.crc32c(bytes, seed);
}

function loadNative(): Native {
  // A require gives `any`: this is what it gives.
  return createRequire(import.meta.url)("@node-rs/crc32") as Native;
}

/** Slicing by eight: each table of 256, one behind the other, advances the checksum by one byte more than the one before it. */
function makeTables(): Uint32Array {
  const all = new Uint32Array(8 * 256);
  for (let index = 0; index < 256; index++) {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    all[index] = crc;
  }
  for (let at = 256; at < all.length; at++) {
    const crc = all[at - 256] ?? 0;
    all[at] = (crc >>> 8) ^ (all[crc & 255] ?? 0);
  }
  return all;
}

/** The same, however long `bytes` is, without the native module. Plain, since a start runs it before it is compiled. */
export function crc32cByTables(bytes: Uint8Array, seed: number): number {
  const t = (tables ??= makeTables());
  const { length } = bytes;
  let crc = ~seed;
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    crc ^=
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
    crc =
      (t[1792 + (crc & 255)] ?? 0) ^
      (t[1536 + ((crc >>> 8) & 255)] ?? 0) ^
      (t[1280 + ((crc >>> 16) & 255)] ?? 0) ^
      (t[1024 + (crc >>> 24)] ?? 0) ^
      (t[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (t[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (t[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (t[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < length; at++) crc = (t[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}
