/**
 * StreamsGroupDescribe (key 89): the state, members, tasks and topology of Kafka Streams groups (KIP-1071).
 */
import { array, bool, int16, int32, int64, string, struct, uint16 } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array({ key: string(), value: string() }),
};

const subtopology = {
  subtopologyId: string(),
  sourceTopics: array(string()),
  repartitionSinkTopics: array(string()),
  stateChangelogTopics: array(topicInfo),
  repartitionSourceTopics: array(topicInfo),
};

const topology = {
  epoch: int32(),
  subtopologies: array(subtopology, { nullable: "0+", default: null }),
};

const assignment = {
  activeTasks: array({ subtopologyId: string(), partitions: array(int32()) }),
  standbyTasks: array({ subtopologyId: string(), partitions: array(int32()) }),
  warmupTasks: array({ subtopologyId: string(), partitions: array(int32()) }),
};

const member = {
  memberId: string(),
  memberEpoch: int32(),
  instanceId: string({ nullable: "0+", default: null }),
  rackId: string({ nullable: "0+", default: null }),
  clientId: string(),
  clientHost: string(),
  topologyEpoch: int32(),
  processId: string(),
  userEndpoint: struct({ host: string(), port: uint16() }, { nullable: "0+", default: null }),
  clientTags: array({ key: string(), value: string() }),
  taskOffsets: array({ subtopologyId: string(), partition: int32(), offset: int64() }),
  taskEndOffsets: array({ subtopologyId: string(), partition: int32(), offset: int64() }),
  assignment: struct(assignment),
  targetAssignment: struct(assignment),
  isClassic: bool(),
};

const describedGroup = {
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  groupId: string(),
  groupState: string(),
  groupEpoch: int32(),
  assignmentEpoch: int32(),
  topology: struct(topology, { nullable: "0+", default: null }),
  members: array(member),
  authorizedOperations: int32({ default: -2147483648 }),
};

export const streamsGroupDescribe = defineApi({
  key: 89,
  name: "StreamsGroupDescribe",
  versions: "0",
  flexible: "0+",
  request: { groupIds: array(string()), includeAuthorizedOperations: bool() },
  response: { throttleTimeMs: int32(), groups: array(describedGroup) },
});
