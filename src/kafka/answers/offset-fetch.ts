/**
 * OffsetFetch as the broker answers it: one group in the old layout, or several in the new.
 *
 * - An offset that stands where the log skipped some (after a power cut or a restore) is told as the next one there is: it is
 *   the same place, and what stands between is no lag.
 * - A group that may not be told (its coordinator loads, the member is stale) fails alone.
 */
import type { Int64 } from "../../lib/int64.ts";
import { mapInTurns, mapNestedInTurns } from "../../lib/async.ts";
import { distinct } from "../../lib/collections.ts";
import type {
  FetchedGroup,
  FetchedPartition,
  OffsetsWanted,
} from "../../broker/groups/committed-offsets.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import type { Call } from "../call.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";

interface OldTopic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

interface AskedGroup {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly topics: readonly (OldTopic & { readonly topicId: string })[] | null;
}

interface Asked {
  readonly groupId: string;
  readonly topics: readonly OldTopic[] | null;
  readonly groups: readonly AskedGroup[];
  readonly requireStable: boolean;
}

/** Several groups are asked for in one request from this version on. */
const GROUPS_VERSION = 8;
/** Topics are named by id from this version on. */
const ID_VERSION = 10;

export async function fetchedOffsets(asked: Asked, call: Call) {
  if (call.version < GROUPS_VERSION) {
    return { throttleTimeMs: 0, ...(await oldAnswer(asked, call)), groups: [] };
  }
  // Each once: a short request must not make an answer that has no end.
  const groups = distinct(asked.groups, ({ groupId }) => groupId);
  return {
    throttleTimeMs: 0,
    topics: [],
    groups: await mapInTurns(call.door.clock, groups, (group) =>
      groupAnswer(group, asked.requireStable, call),
    ),
  };
}

/** Before version 2 there was no place for the group's own error: each partition tells it. */
export function refusedOffsets(asked: Asked, errorCode: number, version: number) {
  if (version >= GROUPS_VERSION) {
    const groups = asked.groups.map(({ groupId }) => ({ groupId, topics: [], errorCode }));
    return { throttleTimeMs: 0, topics: [], groups };
  }
  const topics = (asked.topics ?? []).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      metadata: "",
      errorCode,
    })),
  }));
  return { throttleTimeMs: 0, topics: version < 2 ? topics : [], errorCode, groups: [] };
}

async function oldAnswer({ groupId, topics, requireStable }: Asked, call: Call) {
  const wanted = wantedOf(topics, requireStable, { memberId: null, memberEpoch: -1 });
  const fetched = call.broker.groups.fetchOffsets(call.context, groupId, wanted);
  return { topics: await topicsOf(fetched, call), errorCode: NONE };
}

async function groupAnswer(asked: AskedGroup, requireStable: boolean, call: Call) {
  const { groupId } = asked;
  const byId = call.version >= ID_VERSION;
  const wanted = wantedOf(asked.topics, requireStable, asked, byId);
  try {
    const fetched = call.broker.groups.fetchOffsets(call.context, groupId, wanted);
    return { groupId, topics: await topicsOf(fetched, call), errorCode: NONE };
  } catch (error) {
    return { groupId, topics: [], errorCode: codeOf(error) };
  }
}

function wantedOf(
  topics: readonly (OldTopic & { readonly topicId?: string })[] | null,
  requireStable: boolean,
  { memberId, memberEpoch }: Pick<AskedGroup, "memberId" | "memberEpoch">,
  byId = false,
): OffsetsWanted {
  return {
    topics:
      topics?.map(({ name, topicId, partitionIndexes }) => ({
        topic: byId ? null : name,
        topicId: byId ? (topicId ?? zeroUuid) : null,
        partitions: partitionIndexes,
      })) ?? null,
    requireStable,
    memberId,
    memberEpoch,
  };
}

async function topicsOf({ topics }: FetchedGroup, call: Call) {
  const told = await mapNestedInTurns(
    call.door.clock,
    topics,
    ({ partitions }) => partitions,
    (fetched, { topic }) => partitionOf(fetched, topic, call),
  );
  return topics.map(({ topic, topicId }, at) => ({
    name: topic ?? "",
    topicId: topicId ?? zeroUuid,
    partitions: told[at] ?? [],
  }));
}

function partitionOf(fetched: FetchedPartition, topic: string | null, call: Call) {
  const { partition, offset, exact, leaderEpoch, metadata, refusal } = fetched;
  const told = (committedOffset: Int64) => ({
    partitionIndex: partition,
    committedOffset,
    committedLeaderEpoch: leaderEpoch,
    metadata,
    errorCode: refusal === null ? NONE : codeFor(refusal),
  });
  if (topic === null || offset < 0 || typeof exact === "bigint") return told(exact);
  const next = call.broker.pastSkipped(call.context, topic, partition, offset);
  return next instanceof Promise ? next.then(told) : told(next);
}
