/**
 * SyncGroup (key 14): hand out the assignment of a classic group: the leader gives all, everyone receives their own.
 *
 * - v3 has static members (KIP-345), v5 checks and tells protocol type and name (KIP-559).
 */
import { array, bytes, int16, int32, string } from "../../wire/schema.ts";
import { Refusal } from "../../lib/refusal.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

/** The member must say which protocol it believes to be chosen from this version on (KIP-559). */
const NAMED_VERSION = 5;

export const syncGroup = defineApi({
  key: 14,
  name: "SyncGroup",
  versions: "0-5",
  flexible: "4+",
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
    protocolType: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    protocolName: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    assignments: array({ memberId: string(), assignment: bytes() }),
  },
  response: {
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    errorCode: int16(),
    protocolType: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    protocolName: string({ versions: "5+", nullable: "5+", default: null, ignorable: true }),
    assignment: bytes(),
  },
  async handle(request, { broker, context, version }) {
    if (
      version >= NAMED_VERSION &&
      (request.protocolType === null || request.protocolName === null)
    ) {
      throw new Refusal("inconsistent_group_protocol", "SyncGroup must name the group's protocol.");
    }
    const answer = await broker.groups.sync(context, request.groupId, {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generation: request.generationId,
      protocolType: request.protocolType,
      protocol: request.protocolName,
      assignments: new Map(
        request.assignments.map(({ memberId, assignment }) => [memberId, assignment]),
      ),
    });
    return {
      throttleTimeMs: 0,
      errorCode: NONE,
      protocolType: answer.protocolType,
      protocolName: answer.protocol,
      assignment: answer.assignment,
    };
  },
  refuse: (_request, { errorCode }) => ({
    throttleTimeMs: 0,
    errorCode,
    assignment: new Uint8Array(),
  }),
});
