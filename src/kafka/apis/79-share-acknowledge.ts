/**
 * ShareAcknowledge (key 79): accept, release or reject records that were acquired (KIP-932); v2 renews locks (KIP-1222).
 */
import { array, bool, int16, int32, string, struct, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { acknowledgedPartition, nodeEndpoint } from "../structs.ts";

const partitionData = {
  partitionIndex: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  currentLeader: struct({ leaderId: int32(), leaderEpoch: int32() }),
};

export const shareAcknowledge = defineApi({
  key: 79,
  name: "ShareAcknowledge",
  versions: "1-2",
  flexible: "0+",
  request: {
    groupId: string({ nullable: "0+", default: null }),
    memberId: string({ nullable: "0+" }),
    shareSessionEpoch: int32(),
    isRenewAck: bool({ versions: "2+", default: false }),
    topics: array({ topicId: uuid(), partitions: array(acknowledgedPartition) }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    acquisitionLockTimeoutMs: int32({ versions: "2+", ignorable: true }),
    responses: array({ topicId: uuid(), partitions: array(partitionData) }),
    nodeEndpoints: array(nodeEndpoint("0+")),
  },
});
