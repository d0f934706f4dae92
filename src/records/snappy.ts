/**
 * Snappy as Kafka's clients use it: blocks in the framing of xerial's snappy-java, or one bare block (kcat, older Go
 * clients). Both are read; xerial's is written, in blocks of 32 KiB as SnappyOutputStream does.
 *
 * ```
 * 82 'SNAPPY' 00 | version i32 = 1 | compatible i32 = 1 | (length i32 | block)*       big-endian
 * ```
 *
 * Left out: xerial streams joined end to end (a header in the middle), which no client sends in one batch.
 */
import { createRequire } from "node:module";
import { assert } from "../lib/assert.ts";
import type { Steps } from "../lib/async.ts";
import { COMPRESSED_BLOCKS_MAX, corrupt, expandsTooFar, tooManyBlocks } from "./refusals.ts";

const xerialHeader = new Uint8Array([
  0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1,
]);
const XERIAL_MAGIC_BYTES = 8;
const BLOCK_BYTES = 32 * 1024;

/** What compressing a byte costs beside reading one back. */
const COMPRESSION_COST = 4;

/** The format's densest element is 3 bytes for 64: a block that claims more than this a byte lies. */
const EXPANSION_MAX = 22;

type Native = typeof import("snappy");

/** Else results are memory that the collector does not see, freed only in a later turn. */
const owned = { copyOutputData: true };

let native: Native | undefined;

export function* snappyCompression(bytes: Uint8Array): Steps<Uint8Array> {
  const snappy = load();
  const blocks: Uint8Array[] = [];
  let total = xerialHeader.length;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = snappy.compressSync(bytes.subarray(at, at + BLOCK_BYTES), owned);
    blocks.push(block);
    total += 4 + block.length;
    yield BLOCK_BYTES * COMPRESSION_COST;
  }
  const framed = new Uint8Array(total);
  const view = new DataView(framed.buffer);
  framed.set(xerialHeader);
  let at = xerialHeader.length;
  for (const block of blocks) {
    view.setInt32(at, block.length);
    framed.set(block, at + 4);
    at += 4 + block.length;
  }
  return framed;
}

/** A bare block, which older clients send, is one step whatever its size. */
export function* snappyDecompression(bytes: Uint8Array, bytesMax: number): Steps<Uint8Array> {
  if (!isXerial(bytes)) {
    if (claimedBytes(bytes) > bytesMax) throw expandsTooFar(bytesMax);
    return uncompress(bytes);
  }
  const blocks = xerialBlocks(bytes);
  const total = blocks.reduce((sum, block) => sum + claimedBytes(block), 0);
  if (total > bytesMax) throw expandsTooFar(bytesMax);
  const [only] = blocks;
  if (only && blocks.length === 1) return uncompress(only);
  const plain = new Uint8Array(total);
  let at = 0;
  for (const block of blocks) {
    const part = uncompress(block);
    plain.set(part, at);
    at += part.length;
    yield part.length;
  }
  return plain;
}

function isXerial(bytes: Uint8Array): boolean {
  for (let at = 0; at < XERIAL_MAGIC_BYTES; at++) if (bytes[at] !== xerialHeader[at]) return false;
  return true;
}

function xerialBlocks(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length < xerialHeader.length) throw corrupt("The snappy framing's header is cut.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  let at = xerialHeader.length;
  while (at < bytes.length) {
    if (blocks.length === COMPRESSED_BLOCKS_MAX) throw tooManyBlocks();
    const left = bytes.length - at - 4;
    const length = left < 1 ? 0 : view.getInt32(at);
    if (length < 1 || length > left) throw corrupt(`A snappy block claims ${length} bytes.`);
    blocks.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** What a block says it decompresses to, refused when its bytes cannot hold that much: nothing is made for a lie. */
function claimedBytes(block: Uint8Array): number {
  let claim = 0;
  for (let index = 0; index < 5; index++) {
    const byte = block[index];
    if (byte === undefined) break;
    claim += (byte & 0x7f) * 2 ** (7 * index);
    if (byte >= 0x80) continue;
    if (claim > block.length * EXPANSION_MAX) break;
    return claim;
  }
  throw corrupt("A snappy block claims more than its bytes can hold.");
}

function uncompress(block: Uint8Array): Uint8Array {
  const snappy = load();
  let plain;
  try {
    plain = snappy.uncompressSync(block, owned);
  } catch (error) {
    throw corrupt(`The snappy block cannot be read: ${String(error)}.`);
  }
  assert(typeof plain !== "string", "snappy gives bytes unless asked for a string");
  return plain;
}

function load(): Native {
  // A require gives `any`: this is what it gives.
  native ??= createRequire(import.meta.url)("snappy") as Native;
  return native;
}
