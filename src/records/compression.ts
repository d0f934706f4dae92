/**
 * The codecs of a record batch, each bounded: what comes out is never more than the caller allows, and a size that a
 * header claims is checked before anything of that size is made.
 *
 * - gzip and zstd are the runtime's own `node:zlib` (not Bun's own functions: those ignore the bound); snappy and lz4 are
 *   native modules, loaded when first met.
 * - As strict as Kafka's Java client: what it could not read must not enter a log.
 * - What is large goes beside the event loop: gzip and zstd on other threads, snappy and lz4 block by block with pauses.
 */
import { assert } from "../lib/assert.ts";
import { atOnce, paused, type Pause } from "../lib/async.ts";
import { lazy, nodeUtil, nodeZlib } from "../lib/builtins.ts";
import { Refusal } from "../lib/refusal.ts";
import { lz4Compression, lz4Decompression } from "./lz4.ts";
import { corrupt, expandsTooFar } from "./refusals.ts";
import { snappyCompression, snappyDecompression } from "./snappy.ts";
import { checkZstd, compressZstd, decompressZstd } from "./zstd.ts";

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
  return asPlain(codecs[codec].decompress(bytes, bytesMax));
}

function asPlain(plain: Uint8Array): Uint8Array {
  // Nothing, from snappy, lies in a detached buffer that no view can be laid on.
  if (plain.byteLength === 0) return new Uint8Array(0);
  // Not a Buffer, so that its views behave alike whatever the codec.
  return new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
}

/** What is compressed from this size on goes beside the event loop: gzip makes about 50 MB/s. */
const BESIDE_BYTES_MIN = 64 * 1024;
/** What decompresses to no more than this is not worth another thread. */
export const AT_ONCE_BYTES_MAX = 1024 * 1024;

const beside = lazy(() => {
  const { promisify } = nodeUtil();
  const { gunzip, gzip, zstdCompress, zstdDecompress } = nodeZlib();
  return {
    gzip: promisify<Uint8Array, Uint8Array>(gzip),
    gunzip: promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(gunzip),
    zstd: promisify<Uint8Array, Uint8Array>(zstdCompress),
    unzstd: promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(zstdDecompress),
  };
});

/** As `compress`, beside the event loop where that would take long. */
export async function compressBeside(
  codec: Codec,
  bytes: Uint8Array,
  pause: Pause,
): Promise<Uint8Array> {
  if (bytes.length < BESIDE_BYTES_MIN) return compress(codec, bytes);
  switch (codec) {
    case "gzip":
      return beside().gzip(bytes);
    case "zstd":
      return beside().zstd(bytes);
    case "snappy":
      return paused(snappyCompression(bytes), pause);
    case "lz4":
      return paused(lz4Compression(bytes), pause);
    case "none":
      return bytes;
    default:
      return codec satisfies never;
  }
}

/** As `decompress`, or null, after a bounded effort, where more than `AT_ONCE_BYTES_MAX` come out. */
export function decompressAtOnce(
  codec: Codec,
  bytes: Uint8Array,
  bytesMax: number,
): Uint8Array | null {
  if (codec === "none") return bytes.length > AT_ONCE_BYTES_MAX ? null : asIs(bytes, bytesMax);
  if (bytesMax <= AT_ONCE_BYTES_MAX) return decompress(codec, bytes, bytesMax);
  try {
    return decompress(codec, bytes, AT_ONCE_BYTES_MAX);
  } catch (error) {
    if (error instanceof Refusal && error.code === "message_too_large") return null;
    throw error;
  }
}

/** As `decompress`, beside the event loop where that would take long. */
export async function decompressBeside(
  codec: Codec,
  bytes: Uint8Array,
  bytesMax: number,
  pause: Pause,
): Promise<Uint8Array> {
  if (codec === "none") return asIs(bytes, bytesMax);
  const plain = decompressAtOnce(codec, bytes, bytesMax);
  if (plain) return plain;
  return asPlain(await decompressLarge(codec, bytes, bytesMax, pause));
}

async function decompressLarge(
  codec: Codec,
  bytes: Uint8Array,
  bytesMax: number,
  pause: Pause,
): Promise<Uint8Array> {
  try {
    if (codec === "gzip") return await beside().gunzip(bytes, { maxOutputLength: bytesMax });
    if (codec === "snappy") return await paused(snappyDecompression(bytes, bytesMax), pause);
    if (codec === "lz4") return await paused(lz4Decompression(bytes, bytesMax), pause);
    checkZstd(bytes);
    return await beside().unzstd(bytes, { maxOutputLength: bytesMax });
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
  gzip: {
    compress: (bytes) => nodeZlib().gzipSync(bytes),
    decompress: bounded((bytes, limits) => nodeZlib().gunzipSync(bytes, limits)),
  },
  snappy: {
    compress: (bytes) => atOnce(snappyCompression(bytes)),
    decompress: (bytes, bytesMax) => atOnce(snappyDecompression(bytes, bytesMax)),
  },
  lz4: {
    compress: (bytes) => atOnce(lz4Compression(bytes)),
    decompress: (bytes, bytesMax) => atOnce(lz4Decompression(bytes, bytesMax)),
  },
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
