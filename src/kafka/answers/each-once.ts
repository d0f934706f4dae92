/**
 * A request's partitions as Kafka's maps keep them: each topic and each partition once, whatever was said of one last, at the
 * place where it was named first; a topic without partitions is not there.
 */

export interface EachOnce<Topic> {
  readonly topics: readonly Topic[];
  /** Whether the partition was named more than once. */
  readonly isTwice: (topic: string, partition: number) => boolean;
}

interface Partitioned {
  readonly partitions: readonly unknown[];
}

/** Most requests name nothing twice, and come back as they are. */
export function eachOnce<Topic extends Partitioned>(
  topics: readonly Topic[],
  nameOf: (topic: Topic) => string,
  indexOf: (partition: Topic["partitions"][number]) => number,
): EachOnce<Topic> {
  const byName = new Map<
    string,
    { topic: Topic; parts: Map<number, Topic["partitions"][number]> }
  >();
  const twice = new Set<string>();
  let isPlain = true;
  for (const topic of topics) {
    const name = nameOf(topic);
    const known = byName.get(name);
    const parts = known?.parts ?? new Map<number, Topic["partitions"][number]>();
    if (!known) byName.set(name, { topic, parts });
    if (known || topic.partitions.length === 0) isPlain = false;
    for (const part of topic.partitions) {
      const index = indexOf(part);
      if (parts.has(index)) twice.add(`${index} ${name}`);
      parts.set(index, part);
    }
  }
  const isTwice = (topic: string, partition: number) => twice.has(`${partition} ${topic}`);
  if (isPlain && twice.size === 0) return { topics, isTwice };
  const merged = Array.from(byName.values(), ({ topic, parts }): Topic => ({
    ...topic,
    partitions: [...parts.values()],
  }));
  return { topics: merged.filter(({ partitions }) => partitions.length > 0), isTwice };
}
