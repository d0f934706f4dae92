/**
 * LZ4 frames around the blocks of `lz4-napi`, read block by block so that nothing is made beyond the caller's bound.
 *
 * - Written: independent blocks of 64 KiB, no checksums, byte for byte the framing of Kafka's Java client, which refuses
 *   blocks that depend on each other.
 * - Read: one whole frame, as strictly as that client reads it: what it could not read must not enter a log.
 * - The package's own frames are not used: its decoder knows no limit, and what it gives is only freed in a later turn
 *   (20,000 of 100 kB in one turn held 2.6 GB). Its block decoder is quicker too: 25 µs for 50 kB against 34. What was
 *   compressed is freed late as well, so a loop that compresses yields now and then.
 * - Left out, as in Java: linked blocks, dictionaries, legacy and skippable frames, the check of the content's checksum.
 */
import { createRequire } from "node:module";
import type { Steps } from "../lib/async.ts";
import { joined } from "../lib/bytes.ts";
import { COMPRESSED_BLOCKS_MAX, corrupt, expandsTooFar, tooManyBlocks } from "./refusals.ts";
import { xxh32 } from "./xxh32.ts";

const MAGIC = 0x184d2204;

/** Bits of the frame's flags. */
const flag = {
  version: 0xc0,
  version1: 0x40,
  independent: 0x20,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  /** A reserved bit, and a dictionary's. */
  unknown: 0x03,
};

/** Magic, flags (version 1, independent blocks), blocks of at most 64 KiB, and the checksum of the two. */
const frameHeader = new Uint8Array([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
const endMark = new Uint8Array(4);
const WRITTEN_BLOCK_BYTES = 64 * 1024;

/** What compressing a byte costs beside reading one back. */
const COMPRESSION_COST = 4;

/** A sequence's length grows by at most 255 with each byte, so no block gives more. */
const EXPANSION_MAX = 255;

type Native = typeof import("lz4-napi");

let native: Native | undefined;

export function* lz4Compression(bytes: Uint8Array): Steps<Uint8Array> {
  const lz4 = load();
  const parts: Uint8Array[] = [frameHeader];
  for (let at = 0; at < bytes.length; at += WRITTEN_BLOCK_BYTES) {
    const plain = bytes.subarray(at, at + WRITTEN_BLOCK_BYTES);
    const sized = lz4.compressSync(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength));
    // The package puts the plain size in front of a block; a frame wants the block's there, marked when it is stored.
    const stored = sized.length - 4 >= plain.length;
    const length = stored ? plain.length : sized.length - 4;
    sized.writeUInt32LE(stored ? length + 2 ** 31 : length);
    if (stored) parts.push(sized.subarray(0, 4), plain);
    else parts.push(sized);
    yield plain.length * COMPRESSION_COST;
  }
  parts.push(endMark);
  return joined(parts);
}

export function* lz4Decompression(bytes: Uint8Array, bytesMax: number): Steps<Uint8Array> {
  const frame = readFrame(bytes);
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const block of frame.blocks) {
    const part = block.stored ? block.data : decodeBlock(block.data, frame.blockBytesMax);
    total += part.length;
    if (total > bytesMax) throw expandsTooFar(bytesMax);
    parts.push(part);
    yield part.length;
  }
  return joined(parts);
}

interface Block {
  readonly data: Uint8Array;
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
  const sizeCode = view.getUint8(5) / 16; // Its other bits are reserved: whole, or refused.
  if (
    view.getUint32(0, true) !== MAGIC ||
    (flags & flag.version) !== flag.version1 ||
    ![4, 5, 6, 7].includes(sizeCode)
  )
    throw corrupt("The records are not an lz4 frame.");
  if (flags & flag.unknown || !(flags & flag.independent))
    throw corrupt("The lz4 frame has linked blocks or a dictionary; Kafka takes neither.");
  const blockBytesMax = 2 ** (8 + 2 * sizeCode);
  const blockTrailer = flags & flag.blockChecksum ? 4 : 0;
  const blocks: Block[] = [];
  let at = need(flags & flag.contentSize ? 15 : 7, 0);
  // The second byte of the descriptor's hash closes it.
  if (view.getUint8(at - 1) !== ((xxh32(bytes.subarray(4, at - 1)) >>> 8) & 0xff))
    throw corrupt("The lz4 frame's header is damaged.");
  for (;;) {
    const word = view.getUint32(need(at, 4), true);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fffffff;
    if (blocks.length === COMPRESSED_BLOCKS_MAX) throw tooManyBlocks();
    if (length === 0 || length > blockBytesMax)
      throw corrupt(`An lz4 block claims ${length} bytes.`);
    const data = bytes.subarray(need(at, length + blockTrailer), at + length);
    if (blockTrailer && view.getUint32(at + length, true) !== xxh32(data))
      throw corrupt("An lz4 block's checksum does not match its bytes.");
    blocks.push({ data, stored: word >= 2 ** 31 });
    at += length + blockTrailer;
  }
  if (at + (flags & flag.contentChecksum ? 4 : 0) !== bytes.length)
    throw corrupt("The lz4 frame does not end where the batch does.");
  return { blockBytesMax, blocks };
}

/** One block, refused when it holds more than the frame's largest. */
function decodeBlock(block: Uint8Array, bytesMax: number): Uint8Array {
  const lz4 = load();
  // The package wants the most that may come out in front of the block, and gives what does.
  const sized = new Uint8Array(4 + block.length);
  new DataView(sized.buffer).setUint32(0, Math.min(bytesMax, block.length * EXPANSION_MAX), true);
  sized.set(block, 4);
  try {
    return lz4.uncompressSync(sized);
  } catch (error) {
    throw corrupt(`The lz4 frame cannot be read: ${String(error)}.`);
  }
}

function load(): Native {
  // A require gives `any`: this is what it gives.
  native ??= createRequire(import.meta.url)("lz4-napi") as Native;
  return native;
}
