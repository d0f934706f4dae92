/**
 * Runs of bytes: put together, and let go.
 */

/** Smaller buffers are left to the garbage collector. */
const LET_GO_BYTES_MIN = 16 * 1024;

/** All parts as one run, in order; a single one is given back as it is, not copied. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The memory of a large buffer goes back at once, rather than when the garbage collector comes by. */
export function letGo(buffer: ArrayBuffer): void {
  if (buffer.byteLength >= LET_GO_BYTES_MIN) buffer.transfer(0);
}
