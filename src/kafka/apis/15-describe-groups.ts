/**
 * DescribeGroups (key 15): the state and members of classic groups.
 *
 * - A group that is not there is Dead and no error until v5; v6 says GROUP_ID_NOT_FOUND and why (KIP-1043).
 * - v3 tells what the caller may do (KIP-430), v4 static members (KIP-345).
 */
import { array, bool, bytes, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

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
  authorizedOperations: int32({ versions: "3+", default: -2147483648 }),
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
});
