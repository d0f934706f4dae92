/**
 * Structs that several of Kafka's messages have in the same form. Kafka writes them out in each; here what is alike is declared
 * once, and what stands in one message alone stays in its file.
 */
import { array, int16, int32, int64, int8, string, struct, uint16, uuid } from "../wire/schema.ts";

/** Who leads a partition, where an answer tells it beside its own (KIP-951). */
export const leaderIdAndEpoch = {
  leaderId: int32({ default: -1 }),
  leaderEpoch: int32({ default: -1 }),
};

/** A broker's address, since the version from which answers have any. */
export function nodeEndpoint(since: string) {
  return {
    nodeId: int32(),
    host: string(),
    port: int32(),
    rack: string({ nullable: since, default: null }),
  };
}

/** Partitions of a topic by its id. */
export const topicIdPartitions = { topicId: uuid(), partitions: array(int32()) };

/** The same with the topic's name. */
const namedTopicPartitions = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
};

/** What a member is assigned, in a heartbeat's answer. */
export const heartbeatAssignment = struct(
  { topicPartitions: array(topicIdPartitions) },
  { nullable: "0+", default: null },
);

/** What a member is assigned, as it is described. */
export const describedAssignment = struct({ topicPartitions: array(namedTopicPartitions) });

/** What the description of a group begins with, whatever its kind. */
export const describedGroupHead = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  groupId: string(),
  groupState: string(),
  groupEpoch: int32(),
  assignmentEpoch: int32(),
};

/** What became of one resource. */
export const resourceOutcome = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
  resourceType: int8(),
  resourceName: string(),
};

/** Which access rules are meant. */
export const aclFilter = {
  resourceTypeFilter: int8(),
  resourceNameFilter: string({ nullable: "0+" }),
  patternTypeFilter: int8({ default: 3 }),
  principalFilter: string({ nullable: "0+" }),
  hostFilter: string({ nullable: "0+" }),
  operation: int8(),
  permissionType: int8(),
};

/** Runs of offsets that a member of a share group has done with. */
const acknowledgementBatch = {
  firstOffset: int64(),
  lastOffset: int64(),
  acknowledgeTypes: array(int8()),
};

/** The same of one partition. */
export const acknowledgedPartition = {
  partitionIndex: int32(),
  acknowledgementBatches: array(acknowledgementBatch),
};

/** Tasks of a Streams group: partitions of a subtopology. */
export const taskIds = { subtopologyId: string(), partitions: array(int32()) };

/** How far one task has come. */
export const taskOffset = { subtopologyId: string(), partition: int32(), offset: int64() };

/** A topic that Streams makes for itself. */
export const streamsTopicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array({ key: string(), value: string() }),
};

/** Where a Streams program can be asked. */
export const userEndpoint = { host: string(), port: uint16() };
