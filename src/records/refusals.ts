/**
 * What this room refuses, in the two names that several of its files use.
 */
import { Refusal } from "../lib/refusal.ts";

/** The bytes are not what they claim to be. */
export function corrupt(detail: string): Refusal {
  return new Refusal("corrupt_message", detail);
}

/** More would come out of a compressed batch than is allowed. */
export function expandsTooFar(bytesMax: number): Refusal {
  return new Refusal(
    "message_too_large",
    `The batch decompresses to more than ${bytesMax} bytes; send smaller batches.`,
    { decompressed_bytes_max: bytesMax },
  );
}
