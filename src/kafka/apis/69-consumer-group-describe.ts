/**
 * ConsumerGroupDescribe (key 69): the state, members and assignments of KIP-848 groups.
 *
 * - v1 tells whether a member still speaks the classic protocol.
 */
import { mapInTurns } from "../../lib/async.ts";
import { array, bool, int32, int8, string } from "../../wire/schema.ts";
import type { DescribedConsumer } from "../../coordinators/consumer/describe.ts";
import { notAsked, operations } from "../answers/authorized-operations.ts";
import type { Call } from "../call.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, messageOf, NONE } from "../error-codes.ts";
import { describedAssignment, describedGroupHead } from "../structs.ts";

const member = {
  memberId: string(),
  instanceId: string({ nullable: "0+", default: null }),
  rackId: string({ nullable: "0+", default: null }),
  memberEpoch: int32(),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
  subscribedTopicRegex: string({ nullable: "0+", default: null }),
  assignment: describedAssignment,
  targetAssignment: describedAssignment,
  memberType: int8({ versions: "1+", default: -1, ignorable: true }),
};

const describedGroup = {
  ...describedGroupHead,
  assignorName: string(),
  members: array(member),
  authorizedOperations: int32({ default: notAsked }),
};

export const consumerGroupDescribe = defineApi({
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: "0-1",
  flexible: "0+",
  request: { groupIds: array(string()), includeAuthorizedOperations: bool() },
  response: { throttleTimeMs: int32(), groups: array(describedGroup) },
  handle: async ({ groupIds, includeAuthorizedOperations }, call) => ({
    throttleTimeMs: 0,
    groups: await mapInTurns(call.door.clock, [...new Set(groupIds)], (groupId) => ({
      ...described(groupId, call),
      ...(includeAuthorizedOperations && { authorizedOperations: operations.group }),
    })),
  }),
});

function described(groupId: string, { broker, context }: Call) {
  try {
    const found = broker.groups.describeConsumer(context, groupId);
    return {
      groupId,
      errorCode: NONE,
      groupState: found.state,
      groupEpoch: found.epoch,
      assignmentEpoch: found.assignmentEpoch,
      assignorName: found.assignor,
      members: found.members.map(describedMember),
      authorizedOperations: notAsked,
    };
  } catch (error) {
    return {
      groupId,
      errorCode: codeOf(error),
      errorMessage: messageOf(error),
      groupState: "",
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: "",
      members: [],
      authorizedOperations: notAsked,
    };
  }
}

function describedMember(found: DescribedConsumer) {
  const named = (held: DescribedConsumer["target"]) => ({
    topicPartitions: held.map(({ topicId, topic, partitions }) => ({
      topicId,
      topicName: topic,
      partitions,
    })),
  });
  return {
    memberId: found.memberId,
    instanceId: found.instanceId,
    rackId: found.rackId,
    memberEpoch: found.memberEpoch,
    clientId: found.clientId,
    clientHost: found.clientHost,
    subscribedTopicNames: found.topicNames,
    subscribedTopicRegex: found.topicRegex,
    assignment: named(found.assigned),
    targetAssignment: named(found.target),
    memberType: found.isClassic ? 0 : 1,
  };
}
