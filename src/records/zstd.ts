/**
 * Zstandard by the runtime's `node:zlib`, which gives what is whole of a cut frame without an error. Java refuses that, and
 * a batch that Java's consumers cannot read must not enter a log: so the frames' blocks are walked first.
 *
 * Left out: skippable frames, which no client sends.
 */
import { nodeZlib } from "../lib/builtins.ts";
import { ZstdFrames } from "./zstd-frames.ts";

export function compressZstd(bytes: Uint8Array): Uint8Array {
  return nodeZlib().zstdCompressSync(bytes);
}

/** Throws a RangeError past `maxOutputLength`, and zlib's own errors. */
export function decompressZstd(
  bytes: Uint8Array,
  limits: { readonly maxOutputLength: number },
): Uint8Array {
  checkZstd(bytes);
  return nodeZlib().zstdDecompressSync(bytes, limits);
}

/** Walks the frames' blocks; refuses with corrupt_message what is not whole. */
export function checkZstd(bytes: Uint8Array): void {
  const frames = new ZstdFrames({ takesSkippable: false });
  frames.push(bytes);
  frames.end();
}
