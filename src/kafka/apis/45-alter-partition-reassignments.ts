/**
 * AlterPartitionReassignments (key 45): move partitions to other replicas; null replicas cancel a move (KIP-455).
 *
 * - v1 may forbid another replication factor (KIP-860).
 */
import { array, bool, int16, int32, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { NONE } from "../error-codes.ts";
import { reassignEach } from "../answers/leaders.ts";
import { checkTimeOut } from "../answers/time-out.ts";

const reassignablePartition = {
  partitionIndex: int32(),
  replicas: array(int32(), { nullable: "0+", default: null }),
};

const reassignablePartitionResponse = {
  partitionIndex: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
};

const reassignableTopicResponse = {
  name: string(),
  partitions: array(reassignablePartitionResponse),
};

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: "AlterPartitionReassignments",
  versions: "0-1",
  flexible: "0+",
  request: {
    timeoutMs: int32({ default: 60000 }),
    allowReplicationFactorChange: bool({ versions: "1+", default: true }),
    topics: array({ name: string(), partitions: array(reassignablePartition) }),
  },
  response: {
    throttleTimeMs: int32(),
    allowReplicationFactorChange: bool({ versions: "1+", default: true, ignorable: true }),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    responses: array(reassignableTopicResponse),
  },
  async handle({ topics, allowReplicationFactorChange, timeoutMs }, call) {
    checkTimeOut(timeoutMs);
    return {
      throttleTimeMs: 0,
      allowReplicationFactorChange,
      errorCode: NONE,
      errorMessage: null,
      responses: await reassignEach(topics, call),
    };
  },
  refuse: ({ topics }, { errorCode, errorMessage }) => ({
    throttleTimeMs: 0,
    errorCode,
    errorMessage,
    responses: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode,
        errorMessage,
      })),
    })),
  }),
});
