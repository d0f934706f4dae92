/**
 * Which partition of an internal topic keeps a key: Kafka's `Utils.abs(key.hashCode()) % partitions`, so that tools which
 * compute it themselves agree.
 */

/** Java's `String.hashCode`: over UTF-16 units, as int32. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1)
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash;
}

/** Kafka's `Utils.abs`: the smallest int32, which has no positive, is 0. */
export function partitionOf(key: string, partitions: number): number {
  const hash = javaHashCode(key);
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % partitions;
}
