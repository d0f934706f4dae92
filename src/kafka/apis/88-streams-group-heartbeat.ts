/**
 * StreamsGroupHeartbeat (key 88): a member of a Kafka Streams group joins, stays or leaves, with its topology (KIP-1071).
 */
import { array, bool, int16, int32, int8, string, struct } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { streamsTopicInfo, taskIds, taskOffset, userEndpoint } from "../structs.ts";

const copartitionGroup = {
  sourceTopics: array(int16()),
  sourceTopicRegex: array(int16()),
  repartitionSourceTopics: array(int16()),
};

const subtopology = {
  subtopologyId: string(),
  sourceTopics: array(string()),
  sourceTopicRegex: array(string()),
  stateChangelogTopics: array(streamsTopicInfo),
  repartitionSinkTopics: array(string()),
  repartitionSourceTopics: array(streamsTopicInfo),
  copartitionGroups: array(copartitionGroup),
};

const endpointToPartitions = {
  userEndpoint: struct(userEndpoint),
  activePartitions: array({ topic: string(), partitions: array(int32()) }),
  standbyPartitions: array({ topic: string(), partitions: array(int32()) }),
};

/** Null: as it was before. */
const unchanged = { nullable: "0+", default: null } as const;

export const streamsGroupHeartbeat = defineApi({
  key: 88,
  name: "StreamsGroupHeartbeat",
  versions: "0",
  flexible: "0+",
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    endpointInformationEpoch: int32(),
    instanceId: string(unchanged),
    rackId: string(unchanged),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topology: struct({ epoch: int32(), subtopologies: array(subtopology) }, unchanged),
    activeTasks: array(taskIds, unchanged),
    standbyTasks: array(taskIds, unchanged),
    warmupTasks: array(taskIds, unchanged),
    processId: string(unchanged),
    userEndpoint: struct(userEndpoint, unchanged),
    clientTags: array({ key: string(), value: string() }, unchanged),
    taskOffsets: array(taskOffset, unchanged),
    taskEndOffsets: array(taskOffset, unchanged),
    shutdownApplication: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string(unchanged),
    memberId: string(),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    acceptableRecoveryLag: int32(),
    taskOffsetIntervalMs: int32(),
    status: array({ statusCode: int8(), statusDetail: string() }, { nullable: "0+" }),
    activeTasks: array(taskIds, unchanged),
    standbyTasks: array(taskIds, unchanged),
    warmupTasks: array(taskIds, unchanged),
    endpointInformationEpoch: int32(),
    partitionsByUserEndpoint: array(endpointToPartitions, unchanged),
  },
});
