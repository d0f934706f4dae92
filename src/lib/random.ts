/**
 * Randomness, passed in: the runtime's in production, seeded in simulation.
 */

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** Fresh random bytes. */
  bytes(length: number): Uint8Array;
}

/** Kafka keeps the first hundred ids for itself, the metadata topic and the lost directory among them. */
const RESERVED_BELOW = 100;

/**
 * A 22-character base64url UUID as Kafka prints them: version 4, never with a leading `-` (it would read as a flag on a
 * command line), never one of the reserved first hundred (kafka-clients, `Uuid.randomUuid`).
 */
export function randomUuid(random: Random): string {
  for (;;) {
    const bytes = random.bytes(16);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const text = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    const reserved =
      bytes.subarray(0, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) < RESERVED_BELOW;
    if (!text.startsWith("-") && !reserved) return text;
  }
}

/** A generator that gives the same numbers for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  };
}
