/**
 * LeaveGroup (key 13): leave a classic group.
 *
 * - Until v2 one member leaves, from v3 several (KIP-345), each with an error of its own; v5 takes a reason (KIP-800).
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const memberIdentity = {
  memberId: string(),
  groupInstanceId: string({ nullable: "3+", default: null }),
  reason: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
};

const memberResponse = {
  memberId: string(),
  groupInstanceId: string({ nullable: "3+" }),
  errorCode: int16(),
};

export const leaveGroup = defineApi({
  key: 13,
  name: "LeaveGroup",
  versions: "0-5",
  flexible: "4+",
  request: {
    groupId: string(),
    memberId: string({ versions: "0-2" }),
    members: array(memberIdentity, { versions: "3+" }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    members: array(memberResponse, { versions: "3+" }),
  },
});
