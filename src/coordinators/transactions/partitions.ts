/**
 * The partitions of a transaction, as a value: topic to partition indexes, both ascending. Never changed in place, since the
 * state before a step stands until the step's record is synced.
 */

export interface TransactionTopic {
  readonly topic: string;
  /** Ascending, each once. */
  readonly partitions: readonly number[];
}

/** Ascending by topic, each topic once. */
export type TransactionPartitions = readonly TransactionTopic[];

export const noPartitions: TransactionPartitions = [];

/** Puts any list of topics and indexes into the one order, each partition once. */
export function partitionsOf(topics: Iterable<TransactionTopic>): TransactionPartitions {
  const byTopic = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) {
    const indexes = byTopic.get(topic) ?? new Set<number>();
    for (const index of partitions) indexes.add(index);
    byTopic.set(topic, indexes);
  }
  return [...byTopic]
    .map(([topic, indexes]) => ({ topic, partitions: [...indexes].sort((a, b) => a - b) }))
    .sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** Both together. */
export function addPartitions(
  held: TransactionPartitions,
  added: TransactionPartitions,
): TransactionPartitions {
  return partitionsOf([...held, ...added]);
}

/** What is held and not among `gone`. */
export function withoutPartitions(
  held: TransactionPartitions,
  gone: TransactionPartitions,
): TransactionPartitions {
  if (gone.length === 0) return held;
  const goneOf = new Map(gone.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  return held.flatMap(({ topic, partitions }) => {
    const left = partitions.filter((index) => !goneOf.get(topic)?.has(index));
    return left.length > 0 ? [{ topic, partitions: left }] : [];
  });
}

/** True when every partition of `asked` is among `held`: both are ascending, so that one walk tells. */
export function holdsAll(held: TransactionPartitions, asked: TransactionPartitions): boolean {
  let at = 0;
  return asked.every(({ topic, partitions }) => {
    while ((held[at]?.topic ?? topic) < topic) at += 1;
    const there = held[at];
    return there?.topic === topic && holdsEach(there.partitions, partitions);
  });
}

function holdsEach(held: readonly number[], asked: readonly number[]): boolean {
  let at = 0;
  return asked.every((index) => {
    while ((held[at] ?? index) < index) at += 1;
    return held[at] === index;
  });
}

/** One entry a partition, in order. */
export function* eachPartition(
  topics: TransactionPartitions,
): Iterable<{ readonly topic: string; readonly index: number }> {
  for (const { topic, partitions } of topics) {
    for (const index of partitions) yield { topic, index };
  }
}
