/**
 * DescribeTopicPartitions: topics by name, so many partitions at a time; the cursor says where the next portion begins.
 *
 * - A topic that was deleted between two portions is passed over where all were asked for.
 * - Every replica in sync may lead: which others may (KIP-966) is nobody, with one node.
 */
import { checkName } from "../../broker/topics/rules.ts";
import type { TopicPlaces } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { isInternal } from "../../broker/access.ts";
import { notAsked, operations } from "./authorized-operations.ts";
import type { Call } from "../call.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";

/** Kafka's `max.request.partition.size.limit`. */
const PARTITIONS_MAX = 2_000;

interface Cursor {
  readonly topicName: string;
  readonly partitionIndex: number;
}

interface Asked {
  readonly topics: readonly { readonly name: string }[];
  readonly responsePartitionLimit: number;
  readonly cursor: Cursor | null;
}

export function pageOf({ topics, responsePartitionLimit, cursor }: Asked, call: Call) {
  if (topics.some(({ name }) => name === ""))
    throw new Refusal("unknown_server_error", "A topic that is asked for has no name.");
  const names = namesFrom(topics, cursor, call);
  let room = Math.min(Math.max(responsePartitionLimit, 1), PARTITIONS_MAX);
  const page: (ReturnType<typeof told> | ReturnType<typeof missing>)[] = [];
  for (const name of names) {
    if (room === 0) return { topics: page, nextCursor: { topicName: name, partitionIndex: 0 } };
    const found = call.broker.cluster.topic(call.context, name);
    if (!found) {
      if (topics.length > 0) page.push(missing(name));
      continue;
    }
    const from = cursor?.topicName === name ? cursor.partitionIndex : 0;
    const to = Math.min(from + room, found.partitions.length);
    page.push(told(found, from, to));
    room -= Math.max(to - from, 0);
    if (to < found.partitions.length) {
      return { topics: page, nextCursor: { topicName: name, partitionIndex: to } };
    }
  }
  return { topics: page, nextCursor: null };
}

/** No name means all; those before the cursor have been told. */
function namesFrom(asked: Asked["topics"], cursor: Cursor | null, { broker, context }: Call) {
  const names =
    asked.length === 0
      ? broker.listTopics(context).map(({ name }) => name)
      : [...new Set(asked.map(({ name }) => name))].sort((one, other) => (one < other ? -1 : 1));
  if (!cursor) return names;
  const { topicName, partitionIndex } = cursor;
  if (partitionIndex < 0 || (asked.length > 0 && !names.includes(topicName))) {
    throw new Refusal("invalid_request", "The cursor must be at one of the topics asked for.");
  }
  return names.filter((name) => name >= topicName);
}

function told({ name, id, internal, partitions }: TopicPlaces, from: number, to: number) {
  return {
    errorCode: NONE,
    name,
    topicId: id,
    isInternal: internal,
    partitions: partitions.slice(from, to).map((partition) => ({
      errorCode: NONE,
      partitionIndex: partition.index,
      leaderId: partition.leader,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: partition.replicas,
      isrNodes: partition.inSyncReplicas,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: operations.topic,
  };
}

function missing(name: string) {
  let errorCode = codeFor("unknown_topic_or_partition");
  try {
    checkName(name);
  } catch (error) {
    errorCode = codeOf(error);
  }
  return {
    errorCode,
    name,
    topicId: zeroUuid,
    isInternal: isInternal(name),
    partitions: [],
    topicAuthorizedOperations:
      errorCode === codeFor("unknown_topic_or_partition") ? operations.topic : notAsked,
  };
}
