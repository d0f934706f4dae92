/**
 * Kafka's int64 where all 64 bits may be used and most are few: a number where that is exact, a bigint beyond 2^53.
 */

export type Int64 = number | bigint;

/** The nearest number that is exact; for comparisons with what no log here reaches. */
export function nearestNumber(value: Int64): number {
  if (typeof value === "number") return value;
  return value < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}
