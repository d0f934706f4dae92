/**
 * DescribeTopicPartitions (key 75): topics and partitions in portions, with a cursor for the next (KIP-966).
 *
 * - Topics are answered in the order of their names.
 */
import { array, bool, int16, int32, string, struct, uuid } from "../../wire/schema.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { defineApi } from "../define-api.ts";
import { notAsked } from "../answers/authorized-operations.ts";
import { pageOf } from "../answers/topic-partitions.ts";

const describeTopicPartitionsResponsePartition = {
  errorCode: int16(),
  partitionIndex: int32(),
  leaderId: int32(),
  leaderEpoch: int32({ default: -1 }),
  replicaNodes: array(int32()),
  isrNodes: array(int32()),
  eligibleLeaderReplicas: array(int32(), { nullable: "0+", default: null }),
  lastKnownElr: array(int32(), { nullable: "0+", default: null }),
  offlineReplicas: array(int32()),
};

const describeTopicPartitionsResponseTopic = {
  errorCode: int16(),
  name: string({ nullable: "0+" }),
  topicId: uuid(),
  isInternal: bool({ default: false }),
  partitions: array(describeTopicPartitionsResponsePartition),
  topicAuthorizedOperations: int32({ default: notAsked }),
};

export const describeTopicPartitions = defineApi({
  key: 75,
  name: "DescribeTopicPartitions",
  versions: "0",
  flexible: "0+",
  request: {
    topics: array({ name: string() }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(
      { topicName: string(), partitionIndex: int32() },
      { nullable: "0+", default: null },
    ),
  },
  response: {
    throttleTimeMs: int32(),
    topics: array(describeTopicPartitionsResponseTopic),
    nextCursor: struct(
      { topicName: string(), partitionIndex: int32() },
      { nullable: "0+", default: null },
    ),
  },
  handle: (request, call) => ({ throttleTimeMs: 0, ...pageOf(request, call) }),
  refuse: ({ topics }, { errorCode }) => ({
    throttleTimeMs: 0,
    topics: topics.map(({ name }) => ({
      errorCode,
      name,
      topicId: zeroUuid,
      partitions: [],
      topicAuthorizedOperations: notAsked,
    })),
  }),
});
