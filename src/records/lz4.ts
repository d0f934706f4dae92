/**
 * LZ4 frames. `lz4-napi` does the work, but knows no limit: so the frame is measured first, from its block headers, and
 * where those could hold too much, by stepping over the blocks' sequences, which gives the exact size and makes nothing.
 *
 * - Written: independent blocks, no checksums, as Kafka's Java client, which refuses blocks that depend on each other.
 * - Read: one whole frame, independent or linked blocks, any checksums. Dictionaries, legacy and skippable frames are not.
 */
import { createRequire } from "node:module";
import { corrupt, expandsTooFar } from "./refusals.ts";

const magic = 0x184d2204;

/** Bits of the frame's flags. */
const flag = {
  version: 0xc0,
  version1: 0x40,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  dictionary: 0x01,
};

/** A sequence's length grows by at most 255 with each byte. */
const expansionMax = 255;

type Native = typeof import("lz4-napi");

let native: Native | undefined;

export function compressLz4(bytes: Uint8Array): Uint8Array {
  return load().compressFrameSync(asBuffer(bytes));
}

export function decompressLz4(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const frame = readFrame(bytes);
  if (boundOf(frame) > bytesMax && exactBytes(bytes, frame, bytesMax) > bytesMax)
    throw expandsTooFar(bytesMax);
  const lz4 = load();
  try {
    return lz4.decompressFrameSync(asBuffer(bytes));
  } catch (error) {
    throw corrupt(`The lz4 frame cannot be read: ${String(error)}.`);
  }
}

interface Block {
  readonly at: number;
  readonly bytes: number;
  readonly stored: boolean;
}

interface Frame {
  readonly blockBytesMax: number;
  readonly blocks: readonly Block[];
}

/** Finds the blocks of the one frame that `bytes` are, each within what is there. */
function readFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const need = (at: number, length: number) => {
    if (at + length > bytes.length) throw corrupt("The lz4 frame is cut.");
    return at;
  };
  const flags = view.getUint8(need(4, 3));
  const sizeCode = (view.getUint8(5) >> 4) & 7;
  if (view.getUint32(0, true) !== magic || (flags & flag.version) !== flag.version1 || sizeCode < 4)
    throw corrupt("The records are not an lz4 frame.");
  if (flags & flag.dictionary) throw corrupt("The lz4 frame needs a dictionary.");
  const blockBytesMax = 2 ** (8 + 2 * sizeCode);
  const blockTrailer = flags & flag.blockChecksum ? 4 : 0;
  const blocks: Block[] = [];
  let at = flags & flag.contentSize ? 15 : 7;
  for (;;) {
    const word = view.getUint32(need(at, 4), true);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fffffff;
    if (length > blockBytesMax) throw corrupt(`An lz4 block claims ${length} bytes.`);
    blocks.push({ at: need(at, length + blockTrailer), bytes: length, stored: word >= 2 ** 31 });
    at += length + blockTrailer;
  }
  if (at + (flags & flag.contentChecksum ? 4 : 0) !== bytes.length)
    throw corrupt("The lz4 frame does not end where the batch does.");
  return { blockBytesMax, blocks };
}

/** More than the frame can hold, from its block headers alone. */
function boundOf(frame: Frame): number {
  return frame.blocks.reduce(
    (sum, block) =>
      sum +
      (block.stored ? block.bytes : Math.min(frame.blockBytesMax, block.bytes * expansionMax)),
    0,
  );
}

/** What the blocks' sequences add up to; stops past `bytesMax`. */
function exactBytes(bytes: Uint8Array, frame: Frame, bytesMax: number): number {
  let total = 0;
  for (const block of frame.blocks) {
    total += block.stored
      ? block.bytes
      : sequencesBytes(bytes.subarray(block.at, block.at + block.bytes));
    if (total > bytesMax) break;
  }
  return total;
}

function sequencesBytes(block: Uint8Array): number {
  let at = 0;
  let total = 0;
  /** The rest of a length whose four bits were full: bytes are added up to the first below 255. */
  const extension = () => {
    let sum = 0;
    let byte;
    do {
      byte = block[at++] ?? 0;
      sum += byte;
    } while (byte === 255);
    return sum;
  };
  while (at < block.length) {
    const token = block[at++] ?? 0;
    const literals = token >> 4 === 15 ? 15 + extension() : token >> 4;
    at += literals;
    total += literals;
    if (at >= block.length) break; // The last sequence has no match.
    at += 2;
    total += 4 + ((token & 15) === 15 ? 15 + extension() : token & 15);
  }
  return total;
}

/** A view; the package takes nothing else. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function load(): Native {
  // A require gives `any`: this is what it gives.
  native ??= createRequire(import.meta.url)("lz4-napi") as Native;
  return native;
}
