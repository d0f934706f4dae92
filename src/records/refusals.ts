/**
 * What several files of this room refuse, and in which words.
 */
import { Refusal } from "../lib/refusal.ts";

/** The bytes are not what they claim to be. */
export function corrupt(detail: string): Refusal {
  return new Refusal("corrupt_message", detail);
}

export function wrongCrc(): Refusal {
  return corrupt("The batch's CRC-32C does not match its bytes.");
}

/**
 * Blocks of one lz4 frame or snappy stream: each costs a native call, so that a megabyte of two-byte blocks would hold the
 * event loop for a second. Clients write full blocks of 32 KiB or more.
 */
export const COMPRESSED_BLOCKS_MAX = 10_000;

export function tooManyBlocks(): Refusal {
  return corrupt(`The compressed records have more than ${COMPRESSED_BLOCKS_MAX} blocks.`);
}

/** More would come out of a compressed batch than is allowed. */
export function expandsTooFar(bytesMax: number): Refusal {
  return new Refusal(
    "message_too_large",
    `The batch decompresses to more than ${bytesMax} bytes; send smaller batches.`,
    { decompressed_bytes_max: bytesMax },
  );
}
