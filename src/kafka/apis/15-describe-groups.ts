/**
 * DescribeGroups (key 15): the state and members of classic groups.
 *
 * - A group that is not there is Dead and no error until v5; v6 says GROUP_ID_NOT_FOUND and why (KIP-1043).
 * - v3 tells what the caller may do (KIP-430), v4 static members (KIP-345).
 */
import { mapInTurns } from "../../lib/async.ts";
import { array, bool, bytes, int16, int32, string } from "../../wire/schema.ts";
import { notAsked, operations } from "../answers/authorized-operations.ts";
import type { Call } from "../call.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, codeOf, messageOf, NONE } from "../error-codes.ts";

/** Until this version a group that is not there was told as one that is dead (KIP-1043). */
const NOT_FOUND_VERSION = 6;

const describedGroupMember = {
  memberId: string(),
  groupInstanceId: string({ versions: "4+", nullable: "4+", default: null, ignorable: true }),
  clientId: string(),
  clientHost: string(),
  memberMetadata: bytes(),
  memberAssignment: bytes(),
};

const describedGroup = {
  errorCode: int16(),
  errorMessage: string({ versions: "6+", nullable: "6+", default: null }),
  groupId: string(),
  groupState: string(),
  protocolType: string(),
  protocolData: string(),
  members: array(describedGroupMember),
  authorizedOperations: int32({ versions: "3+", default: notAsked }),
};

export const describeGroups = defineApi({
  key: 15,
  name: "DescribeGroups",
  versions: "0-6",
  flexible: "5+",
  request: { groups: array(string()), includeAuthorizedOperations: bool({ versions: "3+" }) },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    groups: array(describedGroup),
  },
  handle: async ({ groups, includeAuthorizedOperations }, call) => ({
    throttleTimeMs: 0,
    groups: await mapInTurns(call.door.clock, [...new Set(groups)], (groupId) => ({
      ...described(groupId, call),
      authorizedOperations: includeAuthorizedOperations ? operations.group : notAsked,
    })),
  }),
});

function described(groupId: string, { broker, context, version }: Call) {
  const nothing = { groupId, protocolType: "", protocolData: "", members: [] };
  try {
    const found = broker.groups.describeClassic(context, groupId);
    return {
      ...nothing,
      errorCode: NONE,
      groupState: found.state,
      protocolType: found.protocolType,
      protocolData: found.protocol,
      members: found.members.map(({ instanceId, metadata, assignment, ...member }) => ({
        ...member,
        groupInstanceId: instanceId,
        memberMetadata: metadata,
        memberAssignment: assignment,
      })),
    };
  } catch (error) {
    const errorCode = codeOf(error);
    if (errorCode !== codeFor("group_id_not_found"))
      return { ...nothing, errorCode, groupState: "" };
    const dead = { ...nothing, groupState: "Dead" };
    if (version < NOT_FOUND_VERSION) return { ...dead, errorCode: NONE };
    return { ...dead, errorCode, errorMessage: messageOf(error) };
  }
}
