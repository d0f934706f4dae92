/**
 * The codecs of a record batch, each bounded: what comes out is never more than the caller allows, and a size that a
 * header claims is checked before anything of that size is made.
 *
 * - gzip and zstd are the runtime's own `node:zlib` (not Bun's own functions: those ignore the bound); snappy and lz4 are
 *   native modules, loaded when first met.
 * - As strict as Kafka's Java client: what it could not read must not enter a log.
 */
import { promisify } from "node:util";
import { gunzip, gunzipSync, gzip, gzipSync, zstdCompress } from "node:zlib";
import { assert } from "../lib/assert.ts";
import { Refusal } from "../lib/refusal.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";
import { corrupt, expandsTooFar } from "./refusals.ts";
import { compressSnappy, decompressSnappy } from "./snappy.ts";
import { compressZstd, decompressZstd } from "./zstd.ts";

/** In the order of their numbers in a batch's attributes. */
export const codecNames = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

export type Codec = (typeof codecNames)[number];

/** What the codec makes of `bytes` as Kafka's clients frame it: snappy in xerial's blocks, lz4 and zstd as one frame. */
export function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  return codecs[codec].compress(bytes);
}

/**
 * What was compressed into `bytes`. Refuses with message_too_large when that is more than `bytesMax`, with corrupt_message
 * when the bytes are damaged.
 */
export function decompress(codec: Codec, bytes: Uint8Array, bytesMax: number): Uint8Array {
  assert(bytesMax > 0, "a bound on what is decompressed is given");
  const plain = codecs[codec].decompress(bytes, bytesMax);
  // Nothing, from snappy, lies in a detached buffer that no view can be laid on.
  if (plain.byteLength === 0) return new Uint8Array(0);
  // Not a Buffer, so that its views behave alike whatever the codec.
  return new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
}

/** From this size on it pays to go to another thread: gzip makes about 50 MB/s. */
const BESIDE_BYTES_MIN = 64 * 1024;
const gzipBeside = promisify<Uint8Array, Uint8Array>(gzip);
const gunzipBeside = promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(gunzip);
const zstdBeside = promisify<Uint8Array, Uint8Array>(zstdCompress);

/** As `compress`, beside the event loop where that would take long. */
export async function compressBeside(codec: Codec, bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length < BESIDE_BYTES_MIN) return compress(codec, bytes);
  if (codec === "gzip") return gzipBeside(bytes);
  return codec === "zstd" ? zstdBeside(bytes) : compress(codec, bytes);
}

/** As `decompress`, beside the event loop where that would take long. */
export async function decompressBeside(
  codec: Codec,
  bytes: Uint8Array,
  bytesMax: number,
): Promise<Uint8Array> {
  if (codec !== "gzip" || bytes.length < BESIDE_BYTES_MIN)
    return decompress(codec, bytes, bytesMax);
  try {
    return await gunzipBeside(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    throw unreadable(error, bytesMax);
  }
}

interface Coder {
  compress(this: void, bytes: Uint8Array): Uint8Array;
  decompress(this: void, bytes: Uint8Array, bytesMax: number): Uint8Array;
}

const codecs: Readonly<Record<Codec, Coder>> = {
  none: { compress: (bytes) => bytes, decompress: asIs },
  gzip: { compress: (bytes) => gzipSync(bytes), decompress: bounded(gunzipSync) },
  snappy: { compress: compressSnappy, decompress: decompressSnappy },
  lz4: { compress: compressLz4, decompress: decompressLz4 },
  zstd: { compress: (bytes) => compressZstd(bytes), decompress: bounded(decompressZstd) },
};

function asIs(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length > bytesMax) throw expandsTooFar(bytesMax);
  return bytes;
}

type Inflate = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

function bounded(inflate: Inflate): Coder["decompress"] {
  return (bytes, bytesMax) => {
    try {
      return inflate(bytes, { maxOutputLength: bytesMax });
    } catch (error) {
      throw unreadable(error, bytesMax);
    }
  };
}

function unreadable(error: unknown, bytesMax: number): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof RangeError) return expandsTooFar(bytesMax);
  return corrupt(`The compressed records cannot be read: ${String(error)}.`);
}
