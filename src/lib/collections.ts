/**
 * The few shapes of collections that the language lacks.
 */

/** The first of each key, in order. */
export function distinct<T>(items: readonly T[], keyOf: (item: T) => unknown): T[] {
  const seen = new Set<unknown>();
  return items.filter((item) => {
    const key = keyOf(item);
    return !seen.has(key) && seen.add(key);
  });
}

/** A copy of the set that does not hold `item`. */
export function without<T>(set: ReadonlySet<T>, item: T): Set<T> {
  const rest = new Set(set);
  rest.delete(item);
  return rest;
}
