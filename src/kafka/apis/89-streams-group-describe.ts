/**
 * StreamsGroupDescribe (key 89): the state, members, tasks and topology of Kafka Streams groups (KIP-1071).
 */
import { array, bool, int32, string, struct } from "../../wire/schema.ts";
import { notAsked } from "../answers/authorized-operations.ts";
import { defineApi } from "../define-api.ts";
import {
  describedGroupHead,
  streamsTopicInfo,
  taskIds,
  taskOffset,
  userEndpoint,
} from "../structs.ts";

const subtopology = {
  subtopologyId: string(),
  sourceTopics: array(string()),
  repartitionSinkTopics: array(string()),
  stateChangelogTopics: array(streamsTopicInfo),
  repartitionSourceTopics: array(streamsTopicInfo),
};

const topology = {
  epoch: int32(),
  subtopologies: array(subtopology, { nullable: "0+", default: null }),
};

const assignment = {
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
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
  userEndpoint: struct(userEndpoint, { nullable: "0+", default: null }),
  clientTags: array({ key: string(), value: string() }),
  taskOffsets: array(taskOffset),
  taskEndOffsets: array(taskOffset),
  assignment: struct(assignment),
  targetAssignment: struct(assignment),
  isClassic: bool(),
};

const describedGroup = {
  ...describedGroupHead,
  topology: struct(topology, { nullable: "0+", default: null }),
  members: array(member),
  authorizedOperations: int32({ default: notAsked }),
};

export const streamsGroupDescribe = defineApi({
  key: 89,
  name: "StreamsGroupDescribe",
  versions: "0",
  flexible: "0+",
  request: { groupIds: array(string()), includeAuthorizedOperations: bool() },
  response: { throttleTimeMs: int32(), groups: array(describedGroup) },
});
