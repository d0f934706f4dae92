/**
 * LeaveGroup (key 13): leave a classic group.
 *
 * - Until v2 one member leaves, from v3 several (KIP-345), each with an error of its own; v5 takes a reason (KIP-800).
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeFor, NONE } from "../error-codes.ts";

/** Several members leave in one request from this version on. */
const BATCH_VERSION = 3;

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
  async handle(request, { broker, context, version }) {
    const alone = version < BATCH_VERSION;
    const leaving = alone
      ? [{ memberId: request.memberId, groupInstanceId: null, reason: null }]
      : request.members;
    const answers = await broker.groups.leave(
      context,
      request.groupId,
      leaving.map(({ memberId, groupInstanceId, reason }) => ({
        memberId,
        instanceId: groupInstanceId,
        reason,
      })),
    );
    const codes = answers.map((answer) => (answer === null ? NONE : codeFor(answer)));
    if (alone) return { throttleTimeMs: 0, errorCode: codes[0] ?? NONE, members: [] };
    return {
      throttleTimeMs: 0,
      errorCode: NONE,
      members: request.members.map((member, at) => ({ ...member, errorCode: codes[at] ?? NONE })),
    };
  },
  refuse({ members }, { errorCode }, version) {
    // A group that is not there has none of the members: each is told so.
    const perMember = version >= BATCH_VERSION && errorCode === codeFor("unknown_member_id");
    return {
      throttleTimeMs: 0,
      errorCode: perMember ? NONE : errorCode,
      members: perMember ? members.map((member) => ({ ...member, errorCode })) : [],
    };
  },
});
