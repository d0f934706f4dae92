/**
 * ShareGroupHeartbeat (key 76): a member of a share group joins (epoch 0), stays or leaves (-1) (KIP-932).
 */
import { array, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { heartbeatAssignment } from "../structs.ts";

export const shareGroupHeartbeat = defineApi({
  key: 76,
  name: "ShareGroupHeartbeat",
  versions: "1",
  flexible: "0+",
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string({ nullable: "0+", default: null }),
    subscribedTopicNames: array(string(), { nullable: "0+", default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    memberId: string({ nullable: "0+", default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: heartbeatAssignment,
  },
});
