/**
 * DescribeQuorum (key 55): the controllers, how far each has come, and who leads them (KIP-595).
 *
 * - With one node it has voted itself. Controllers are not reached by Kafka's clients, so that no listener of theirs is told.
 * - v1 tells when each was heard of (KIP-836), v2 directory ids, addresses and why it failed (KIP-853).
 */
import { array, int16, int32, int64, string, uint16, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";
import { quorumOf } from "../answers/quorum.ts";

const topicData = { topicName: string(), partitions: array({ partitionIndex: int32() }) };

const replicaState = {
  replicaId: int32(),
  replicaDirectoryId: uuid({ versions: "2+" }),
  logEndOffset: int64(),
  lastFetchTimestamp: int64({ versions: "1+", default: -1, ignorable: true }),
  lastCaughtUpTimestamp: int64({ versions: "1+", default: -1, ignorable: true }),
};

const partitionData = {
  partitionIndex: int32(),
  errorCode: int16(),
  errorMessage: string({ versions: "2+", nullable: "2+", ignorable: true }),
  leaderId: int32(),
  leaderEpoch: int32(),
  highWatermark: int64(),
  currentVoters: array(replicaState),
  observers: array(replicaState),
};

const node = {
  nodeId: int32(),
  listeners: array({ name: string(), host: string(), port: uint16() }),
};

export const describeQuorum = defineApi({
  key: 55,
  name: "DescribeQuorum",
  versions: "0-2",
  flexible: "0+",
  request: { topics: array(topicData) },
  response: {
    errorCode: int16(),
    errorMessage: string({ versions: "2+", nullable: "2+", ignorable: true }),
    topics: array({ topicName: string(), partitions: array(partitionData) }),
    nodes: array(node, { versions: "2+" }),
  },
  handle: ({ topics }, call) => ({ errorCode: NONE, errorMessage: "", ...quorumOf(topics, call) }),
});
