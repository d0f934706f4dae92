/**
 * Which partition a record goes to when nobody says: the Java client's default, so that both doors put a key in the same
 * place.
 */

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const SHIFT = 24;

/** The partition of a key: `(murmur2(key) & 0x7fffffff) % partitions` (kafka-clients, `BuiltInPartitioner`). */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** MurmurHash2, 32 bits, with the seed of kafka-clients' `Utils.murmur2`; a signed integer as in Java. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let word =
      (data[at] ?? 0) |
      ((data[at + 1] ?? 0) << 8) |
      ((data[at + 2] ?? 0) << 16) |
      ((data[at + 3] ?? 0) << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> SHIFT;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  const left = length - whole;
  if (left === 3) hash ^= (data[whole + 2] ?? 0) << 16;
  if (left >= 2) hash ^= (data[whole + 1] ?? 0) << 8;
  if (left >= 1) hash = Math.imul(hash ^ (data[whole] ?? 0), MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}
