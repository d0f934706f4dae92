/**
 * What sockets give are node's Buffers, whose `slice` is another view of the same memory. Everywhere else it is a copy, and
 * the rooms rely on that: on a copy being their own, whatever becomes of the frame that it was in.
 */

/** The same bytes, not copied, as a Uint8Array and nothing more. */
export function plainBytes({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
