/**
 * ShareFetch (key 78): acquire records for a share group, and acknowledge earlier ones with it (KIP-932).
 *
 * - Session epoch 0 opens a session, -1 closes it.
 * - v2 tells how many records to acquire and renews locks (KIP-1206, KIP-1222).
 */
import {
  array,
  bool,
  int16,
  int32,
  int64,
  int8,
  records,
  string,
  struct,
  uuid,
} from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { acknowledgedPartition, nodeEndpoint, topicIdPartitions } from "../structs.ts";

const acquiredRecords = { firstOffset: int64(), lastOffset: int64(), deliveryCount: int16() };

const partitionData = {
  partitionIndex: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  acknowledgeErrorCode: int16(),
  acknowledgeErrorMessage: string({ nullable: "0+", default: null }),
  currentLeader: struct({ leaderId: int32(), leaderEpoch: int32() }),
  records: records(),
  acquiredRecords: array(acquiredRecords),
};

export const shareFetch = defineApi({
  key: 78,
  name: "ShareFetch",
  versions: "1-2",
  flexible: "0+",
  request: {
    groupId: string({ nullable: "0+", default: null }),
    memberId: string({ nullable: "0+" }),
    shareSessionEpoch: int32(),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 0x7fffffff }),
    maxRecords: int32(),
    batchSize: int32(),
    shareAcquireMode: int8({ versions: "2+", default: 0, ignorable: true }),
    isRenewAck: bool({ versions: "2+", default: false }),
    topics: array({ topicId: uuid(), partitions: array(acknowledgedPartition) }),
    forgottenTopicsData: array(topicIdPartitions),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+", default: null }),
    acquisitionLockTimeoutMs: int32(),
    responses: array({ topicId: uuid(), partitions: array(partitionData) }),
    nodeEndpoints: array(nodeEndpoint("0+")),
  },
});
