/**
 * Zstandard by the runtime's `node:zlib`, which gives what is whole of a cut frame without an error. Java refuses that, and
 * a batch that Java's consumers cannot read must not enter a log: so the frames' blocks are walked first (RFC 8878, 3.1.1).
 *
 * Left out: skippable frames, which no client sends.
 */
import { nodeZlib } from "../lib/builtins.ts";
import { corrupt } from "./refusals.ts";

const MAGIC = 0xfd2fb528;

/** Bits of the frame header's descriptor, and what its two size codes stand for, in bytes. */
const flag = { contentSizeShift: 6, singleSegment: 0x20, checksum: 0x04, dictionaryMask: 0x03 };
const contentSizeBytes = [0, 2, 4, 8] as const;
const dictionaryBytes = [0, 1, 2, 4] as const;

const BLOCK_HEADER_BYTES = 3;
const RUN_BLOCK = 1;
const RESERVED_BLOCK = 3;

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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  do at = frameEnd(view, at);
  while (at < bytes.length);
}

/** Where the frame at `at` ends, refused when that is not within the bytes. */
function frameEnd(view: DataView, at: number): number {
  const need = (from: number, length: number) => {
    if (from + length > view.byteLength) throw corrupt("The zstd frame is cut.");
    return from;
  };
  if (view.getUint32(need(at, 5), true) !== MAGIC) throw corrupt("The records are no zstd frame.");
  const descriptor = view.getUint8(at + 4);
  const single = (descriptor & flag.singleSegment) !== 0;
  const sizeCode = descriptor >> flag.contentSizeShift;
  let next = at + 5 + (single ? (sizeCode === 0 ? 1 : 0) : 1);
  next += contentSizeBytes[sizeCode] ?? 0;
  next += dictionaryBytes[descriptor & flag.dictionaryMask] ?? 0;
  for (let last = false; !last;) {
    need(next, BLOCK_HEADER_BYTES);
    const word = view.getUint16(next, true) | (view.getUint8(next + 2) << 16);
    const type = (word >> 1) & 3;
    if (type === RESERVED_BLOCK) throw corrupt("The zstd frame has a block of no known type.");
    last = (word & 1) === 1;
    next += BLOCK_HEADER_BYTES + (type === RUN_BLOCK ? 1 : word >> 3);
  }
  next += descriptor & flag.checksum ? 4 : 0;
  need(next, 0);
  return next;
}
