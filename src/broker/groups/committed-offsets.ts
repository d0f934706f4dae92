/**
 * What a group has committed, as it may be told: -1 where nothing was, or where it was for another topic of that name.
 */
import { type Int64, nearestNumber } from "../../lib/int64.ts";
import type { Image, TopicImage } from "../../cluster/image.ts";
import type { Group } from "../../coordinators/groups/group.ts";
import { checkFetch } from "../../coordinators/groups/membership.ts";
import type { CommittedOffset, GroupOffsets } from "../../coordinators/offsets/state.ts";
import { isPending, offsetOf } from "../../coordinators/offsets/table.ts";

/** Topics by name, or by id where the name is null; null for all that the group has. */
export interface OffsetsWanted {
  readonly topics:
    | readonly {
        readonly topic: string | null;
        readonly topicId: string | null;
        readonly partitions: readonly number[];
      }[]
    | null;
  /** Offsets that an open transaction may change are refused with unstable_offset_commit. */
  readonly requireStable: boolean;
  /** Who asks; null for anybody (before KIP-848 nobody said). */
  readonly memberId: string | null;
  readonly memberEpoch: number;
}

export interface FetchedPartition {
  readonly partition: number;
  /** -1 when none was committed. */
  readonly offset: number;
  /** The same as it was committed, where that is past 2^53. */
  readonly exact: Int64;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly refusal: "unstable_offset_commit" | "unknown_topic_id" | null;
}

export interface FetchedTopic {
  readonly topic: string | null;
  readonly topicId: string | null;
  readonly partitions: readonly FetchedPartition[];
}

export interface FetchedGroup {
  readonly group: string;
  readonly topics: readonly FetchedTopic[];
}

/** An unknown group has committed nothing. @throws Refusal where the member that asks is none. */
export function fetchOffsets(
  state: Group | null,
  group: string,
  wanted: OffsetsWanted,
  image: Image,
): FetchedGroup {
  checkFetch(state?.members ?? null, wanted.memberId, wanted.memberEpoch);
  const offsets = state?.offsets ?? null;
  const { requireStable } = wanted;
  if (wanted.topics === null) return { group, topics: allOf(offsets, requireStable, image) };
  const topics = wanted.topics.map((asked): FetchedTopic => {
    const known =
      asked.topic === null ? image.topicById(asked.topicId ?? "") : image.topic(asked.topic);
    const topic = known?.name ?? asked.topic;
    return {
      topic,
      topicId: asked.topicId ?? known?.id ?? null,
      partitions: asked.partitions.map((partition) =>
        topic === null
          ? { ...nothing(partition), refusal: "unknown_topic_id" }
          : fetched(offsets, topic, known, partition, requireStable),
      ),
    };
  });
  return { group, topics };
}

function allOf(offsets: GroupOffsets | null, requireStable: boolean, image: Image): FetchedTopic[] {
  const topics: FetchedTopic[] = [];
  for (const [topic, partitions] of offsets?.committed ?? []) {
    const known = image.topic(topic);
    const answers = Array.from(partitions.keys(), (partition) =>
      fetched(offsets, topic, known, partition, requireStable),
    ).filter(({ offset, refusal }) => offset !== -1 || refusal !== null);
    if (answers.length === 0) continue;
    topics.push({ topic, topicId: known?.id ?? null, partitions: answers });
  }
  return topics;
}

function fetched(
  offsets: GroupOffsets | null,
  topic: string,
  known: TopicImage | null,
  partition: number,
  requireStable: boolean,
): FetchedPartition {
  if (!offsets) return nothing(partition);
  if (requireStable && isPending(offsets, topic, partition)) {
    return { ...nothing(partition), refusal: "unstable_offset_commit" };
  }
  const committed = offsetOf(offsets.committed, topic, partition);
  if (!committed || isOfAnother(committed, known)) return nothing(partition);
  const { offset: exact, leaderEpoch, metadata } = committed;
  const offset = nearestNumber(exact);
  return { partition, offset, exact, leaderEpoch, metadata, refusal: null };
}

function isOfAnother({ topicId }: CommittedOffset, known: TopicImage | null): boolean {
  return topicId !== null && known !== null && known.id !== topicId;
}

function nothing(partition: number): FetchedPartition {
  return { partition, offset: -1, exact: -1, leaderEpoch: -1, metadata: "", refusal: null };
}
