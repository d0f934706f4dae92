/**
 * DescribeQuorum: the metadata log as the partition by whose name Kafka's tools know it.
 */
import type { Call } from "../call.ts";
import { codeFor, NONE } from "../error-codes.ts";

const METADATA_TOPIC = "__cluster_metadata";

interface Asked {
  readonly topicName: string;
  readonly partitions: readonly { readonly partitionIndex: number }[];
}

export function quorumOf(topics: readonly Asked[], call: Call) {
  const answers = topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partitionIndex }) =>
      topicName === METADATA_TOPIC && partitionIndex === 0 && partitions.length === 1
        ? quorum(call)
        : unknown(partitionIndex),
    ),
  }));
  const found = answers.some(({ partitions }) => partitions.some(({ leaderId }) => leaderId > 0));
  const voters = found ? call.broker.cluster.quorum(call.context).voters : [];
  return { topics: answers, nodes: voters.map(({ nodeId }) => ({ nodeId, listeners: [] })) };
}

function quorum({ broker, context, door }: Call) {
  const { leader, epoch, end, voters } = broker.cluster.quorum(context);
  const nowMs = door.clock.nowMs();
  return {
    partitionIndex: 0,
    errorCode: NONE,
    errorMessage: "",
    leaderId: leader,
    leaderEpoch: epoch,
    highWatermark: end,
    currentVoters: voters.map(({ nodeId, directoryId }) => ({
      replicaId: nodeId,
      replicaDirectoryId: directoryId,
      logEndOffset: end,
      lastFetchTimestamp: nowMs,
      lastCaughtUpTimestamp: nowMs,
    })),
    observers: [],
  };
}

function unknown(partitionIndex: number) {
  return {
    partitionIndex,
    errorCode: codeFor("unknown_topic_or_partition"),
    errorMessage: "This is not a partition of the metadata log.",
    leaderId: 0,
    leaderEpoch: 0,
    highWatermark: 0,
    currentVoters: [],
    observers: [],
  };
}
