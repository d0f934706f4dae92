/**
 * What the APIs of groups share: how an offset is named, and how refusals of single ones are told.
 */
import type { Int64 } from "../../lib/int64.ts";
import type { OffsetRefusal, OffsetToCommit } from "../../broker/groups/verbs.ts";
import { codeFor, NONE } from "../error-codes.ts";

interface PartitionAsked {
  readonly partitionIndex: number;
  readonly committedOffset: Int64;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | null;
}

/** A topic's offsets as the broker takes them; by id where the topic is named so. */
export function offsetsToCommit(
  topic: { readonly name: string; readonly topicId?: string },
  partitions: readonly PartitionAsked[],
  byId: boolean,
): OffsetToCommit[] {
  return partitions.map((partition) => ({
    topic: byId ? null : topic.name,
    topicId: byId ? (topic.topicId ?? null) : null,
    partition: partition.partitionIndex,
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? "",
  }));
}

interface Partitioned {
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

/** Gives outcomes of a flat list back to the topics and partitions that it was made of; a topic without any is left out. */
export function outcomesByTopic<Topic extends Partitioned>(
  topics: readonly Topic[],
  outcomes: readonly OffsetRefusal[],
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
