/**
 * ShareGroupDescribe (key 77): the state, members and assignments of share groups (KIP-932).
 */
import { array, bool, int32, string } from "../../wire/schema.ts";
import { notAsked } from "../answers/authorized-operations.ts";
import { defineApi } from "../define-api.ts";
import { describedAssignment, describedGroupHead } from "../structs.ts";

const member = {
  memberId: string(),
  rackId: string({ nullable: "0+", default: null }),
  memberEpoch: int32(),
  clientId: string(),
  clientHost: string(),
  subscribedTopicNames: array(string()),
  assignment: describedAssignment,
};

const describedGroup = {
  ...describedGroupHead,
  assignorName: string(),
  members: array(member),
  authorizedOperations: int32({ default: notAsked }),
};

export const shareGroupDescribe = defineApi({
  key: 77,
  name: "ShareGroupDescribe",
  versions: "1",
  flexible: "0+",
  request: { groupIds: array(string()), includeAuthorizedOperations: bool() },
  response: { throttleTimeMs: int32(), groups: array(describedGroup) },
});
