/**
 * What Kafka allows of topics: names, numbers of partitions, configs. Each check refuses with what is allowed instead.
 */
import { Refusal } from "../../lib/refusal.ts";
import { isTopicName, TOPIC_NAME_RULE } from "../../lib/topic-name.ts";
import type { Image, TopicImage } from "../../cluster/image.ts";
import { topicConfigs } from "../../log/configs/definitions.ts";

export const PARTITIONS_PER_TOPIC_MAX = 10_000;
/** Over all topics. */
const PARTITIONS_MAX = 200_000;

/** The topic of that name, or a refusal. */
export function known(image: Image, name: string): TopicImage {
  const topic = image.topic(name);
  if (topic) return topic;
  throw new Refusal("unknown_topic_or_partition", `There is no topic "${name}".`, { topic: name });
}

/** The same of one whose settings are asked for: a name that no topic can have is told first. */
export function knownByRule(image: Image, name: string): TopicImage {
  checkName(name);
  return known(image, name);
}

export function checkName(name: string): void {
  if (!isTopicName(name)) throw new Refusal("invalid_topic_exception", TOPIC_NAME_RULE);
}

export function checkPartitions(partitions: number): void {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= PARTITIONS_PER_TOPIC_MAX) {
    return;
  }
  throw new Refusal(
    "invalid_partitions",
    `A topic has 1 to ${PARTITIONS_PER_TOPIC_MAX} partitions, or -1 for the default; not ${partitions}.`,
    { most: PARTITIONS_PER_TOPIC_MAX },
  );
}

export function checkNameIsFree(image: Image, name: string): void {
  if (image.topic(name)) {
    throw new Refusal("topic_already_exists", `The topic "${name}" exists already.`, {
      topic: name,
    });
  }
  const alike = image.topicSpelledLike(name);
  if (alike) {
    throw new Refusal(
      "invalid_topic_exception",
      `"${name}" differs from the topic "${alike.name}" only in "." against "_", which metrics cannot tell apart.`,
      { topic: name },
    );
  }
}

export function checkRoom(image: Image, more: number): void {
  if (image.partitionCount + more <= PARTITIONS_MAX) return;
  throw new Refusal(
    "policy_violation",
    `There are ${image.partitionCount} partitions; with ${more} more they would pass the limit of ${PARTITIONS_MAX}.`,
    { most: PARTITIONS_MAX },
  );
}

export function checkConfigExists(name: string): void {
  if (topicConfigs.some((definition) => definition.name === name)) return;
  throw new Refusal("invalid_config", `There is no topic config "${name}".`);
}

/** Refuses replicas that no partition could have. */
export function checkReplicas({ brokers }: Image, replicas: readonly number[]): void {
  const refuse = (detail: string) => new Refusal("invalid_replica_assignment", detail);
  if (replicas.length === 0) throw refuse("A partition must have a replica.");
  if (new Set(replicas).size < replicas.length) throw refuse("A replica is named twice.");
  const stranger = replicas.find((id) => !brokers.has(id));
  if (stranger !== undefined) throw refuse(`There is no node ${stranger}.`);
}
