/**
 * What the APIs of groups share: how an offset is named, and how refusals of single ones are told.
 */
import type { OffsetRefusal, OffsetToCommit } from "../../broker/groups/verbs.ts";
import type { Int64 } from "../../lib/int64.ts";
import { Refusal, type RefusalName } from "../../lib/refusal.ts";
import type { Call } from "../call.ts";
import { codeFor, NONE } from "../error-codes.ts";

interface PartitionAsked {
  readonly partitionIndex: number;
  readonly committedOffset: Int64;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

interface TopicAsked {
  readonly name: string;
  readonly topicId?: string;
  readonly partitions: readonly PartitionAsked[];
}

/**
 * Commits and says what came of each offset. As in Kafka, a place that is not there is told so, whatever the group says of the
 * others; where none is there, the group is not asked. Throws what is no Refusal.
 */
export async function commitEach<Topic extends TopicAsked>(
  topics: readonly Topic[],
  byId: boolean,
  call: Call,
  commit: (offsets: readonly OffsetToCommit[]) => Promise<readonly OffsetRefusal[]>,
) {
  const offsets = topics.flatMap((topic) => offsetsToCommit(topic, byId));
  const missing = offsets.map((each) => whyNotThere(each, call));
  if (!missing.includes(null)) return outcomesByTopic(topics, missing);
  try {
    return outcomesByTopic(topics, await commit(offsets));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code } = error;
    return outcomesByTopic(
      topics,
      missing.map((why) => why ?? code),
    );
  }
}

/** A topic's offsets as the broker takes them; by id where the topic is named so. */
function offsetsToCommit({ name, topicId, partitions }: TopicAsked, byId: boolean) {
  return partitions.map((partition): OffsetToCommit => ({
    topic: byId ? null : name,
    topicId: byId ? (topicId ?? null) : null,
    partition: partition.partitionIndex,
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? "",
  }));
}

function whyNotThere(
  { topic, topicId, partition }: OffsetToCommit,
  { broker, context }: Call,
): RefusalName | null {
  const name = topic ?? broker.cluster.nameOf(context, topicId ?? "");
  if (name === null) return "unknown_topic_id";
  const isThere = partition >= 0 && partition < broker.cluster.partitionsOf(context, name);
  return isThere ? null : "unknown_topic_or_partition";
}

interface Partitioned {
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

/** Gives outcomes of a flat list back to the topics and partitions that it was made of; a topic without any is left out. */
export function outcomesByTopic<Topic extends Partitioned>(
  topics: readonly Topic[],
  outcomes: readonly (RefusalName | null)[],
) {
  let next = 0;
  const answers = topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map(({ partitionIndex }) => {
      const refusal = outcomes[next++] ?? null;
      return { partitionIndex, errorCode: refusal === null ? NONE : codeFor(refusal) };
    }),
  }));
  return answers.filter(({ partitions }) => partitions.length > 0);
}

/** The same error for each partition. */
export function allRefused<Topic extends Partitioned>(topics: readonly Topic[], errorCode: number) {
  return topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
}
