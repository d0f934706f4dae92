/**
 * Heartbeat (key 12): a classic member is alive, and learns that it must join again.
 *
 * - v3 has static members (KIP-345).
 */
import { int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";

export const heartbeat = defineApi({
  key: 12,
  name: "Heartbeat",
  versions: "0-4",
  flexible: "4+",
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ versions: "3+", nullable: "3+", default: null }),
  },
  response: { throttleTimeMs: int32({ versions: "1+", ignorable: true }), errorCode: int16() },
  async handle({ groupId, memberId, groupInstanceId, generationId }, { broker, context }) {
    await broker.groups.heartbeat(context, groupId, {
      memberId,
      instanceId: groupInstanceId,
      generation: generationId,
    });
    return { throttleTimeMs: 0, errorCode: NONE };
  },
  refuse: (_request, { errorCode }) => ({ throttleTimeMs: 0, errorCode }),
});
