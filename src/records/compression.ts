/**
 * The codecs of a record batch, each bounded: what comes out is never more than the caller allows, and a size that a
 * header claims is checked before anything of that size is made.
 *
 * - gzip and zstd are the runtime's own `node:zlib` (not Bun's own functions: those ignore the bound); snappy and lz4 are
 *   native modules, loaded when first met.
 * - As strict as Kafka's Java client: what it could not read must not enter a log.
 */
import { gunzipSync, gzipSync } from "node:zlib";
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
      if (error instanceof Refusal) throw error;
      if (error instanceof RangeError) throw expandsTooFar(bytesMax);
      throw corrupt(`The compressed records cannot be read: ${String(error)}.`);
    }
  };
}
