/**
 * JoinGroup (key 11): enter a classic group, or stay in it through a rebalance.
 *
 * - The answer waits until the group has its members; only the leader is told them all.
 * - v4 gives a new member its id first and refuses it once (MEMBER_ID_REQUIRED, KIP-394), v5 has static members (KIP-345), v7
 *   tells the protocol type (KIP-559), v8 takes a reason (KIP-800), v9 lets the leader skip its assignment (KIP-814).
 */
import { array, bool, bytes, int16, int32, string } from "../../wire/schema.ts";
import { Refusal } from "../../lib/refusal.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";

const joinGroupResponseMember = {
  memberId: string(),
  groupInstanceId: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
  metadata: bytes(),
};

export const joinGroup = defineApi({
  key: 11,
  name: "JoinGroup",
  versions: "0-9",
  flexible: "6+",
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: "1+", default: -1, ignorable: true }),
    memberId: string(),
    groupInstanceId: string({ versions: "5+", nullable: "5+", default: null }),
    protocolType: string(),
    protocols: array({ name: string(), metadata: bytes() }),
    reason: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32({ versions: "2+", ignorable: true }),
    errorCode: int16(),
    generationId: int32({ default: -1 }),
    protocolType: string({ versions: "7+", nullable: "7+", default: null, ignorable: true }),
    protocolName: string({ nullable: "7+" }),
    leader: string(),
    skipAssignment: bool({ versions: "9+", default: false }),
    memberId: string(),
    members: array(joinGroupResponseMember),
  },
  async handle(request, { broker, context, version }) {
    const { memberId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs } = request;
    try {
      const joined = await broker.groups.join(context, {
        group: request.groupId,
        memberId,
        instanceId: groupInstanceId,
        protocolType: request.protocolType,
        protocols: request.protocols,
        sessionTimeoutMs,
        rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? sessionTimeoutMs : rebalanceTimeoutMs,
        memberIdRequired: version >= 4,
        canSkipAssignment: version >= 9,
      });
      return {
        throttleTimeMs: 0,
        errorCode: NONE,
        generationId: joined.generation,
        protocolType: joined.protocolType,
        protocolName: nameFor(joined.protocol, version),
        leader: joined.leader ?? "",
        skipAssignment: joined.skipAssignment,
        memberId: joined.memberId,
        members: joined.members.map(({ instanceId, ...member }) => ({
          ...member,
          groupInstanceId: instanceId,
        })),
      };
    } catch (error) {
      // The id to come back with is part of this refusal.
      const given = error instanceof Refusal ? error.facts["memberId"] : null;
      return refused(codeOf(error), typeof given === "string" ? given : memberId, version);
    }
  },
});

function refused(errorCode: number, memberId: string, version: number) {
  return {
    throttleTimeMs: 0,
    errorCode,
    protocolName: nameFor(null, version),
    leader: "",
    memberId,
    members: [],
  };
}

/** There was no null before version 7. */
function nameFor(protocol: string | null, version: number): string | null {
  return version >= 7 ? protocol : (protocol ?? "");
}
