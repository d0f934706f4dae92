/**
 * Produce (key 0): append record batches to partitions.
 *
 * - A partition answers for itself: one bad partition never fails its neighbours.
 * - With acks=0 there is no answer at all, not even an empty one.
 * - Each partition holds exactly one v2 batch from v3 on; zstd needs v7.
 * - Versions 0-2 are advertised but not served: older librdkafka turns features off when it does not see them (KAFKA-18659).
 * - v5 tells the log start, v8 errors of single records (KIP-467), v10 the current leader (KIP-951), v12 adds partitions to
 *   transactions by itself (KIP-890), v13 names topics by id (KIP-516).
 */
import { array, int16, int32, int64, records, string, struct, uuid } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const topicProduceData = {
  name: string({ versions: "0-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitionData: array({ index: int32(), records: records({ nullable: "0+" }) }),
};

const batchIndexAndErrorMessage = {
  batchIndex: int32(),
  batchIndexErrorMessage: string({ nullable: "8+", default: null }),
};

const leaderIdAndEpoch = { leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) };

const partitionProduceResponse = {
  index: int32(),
  errorCode: int16(),
  baseOffset: int64(),
  logAppendTimeMs: int64({ default: -1 }),
  logStartOffset: int64({ versions: "5+", default: -1, ignorable: true }),
  recordErrors: array(batchIndexAndErrorMessage, { versions: "8+", ignorable: true }),
  errorMessage: string({ versions: "8+", nullable: "8+", default: null, ignorable: true }),
  currentLeader: struct(leaderIdAndEpoch, { versions: "10+", tag: 0 }),
};

const topicProduceResponse = {
  name: string({ versions: "0-12", ignorable: true }),
  topicId: uuid({ versions: "13+", ignorable: true }),
  partitionResponses: array(partitionProduceResponse),
};

const nodeEndpoint = {
  nodeId: int32(),
  host: string(),
  port: int32(),
  rack: string({ nullable: "10+", default: null }),
};

export const produce = defineApi({
  key: 0,
  name: "Produce",
  versions: "3-13",
  advertised: "0-13",
  flexible: "9+",
  request: {
    transactionalId: string({ nullable: "3+", default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array(topicProduceData),
  },
  response: {
    responses: array(topicProduceResponse),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: array(nodeEndpoint, { versions: "10+", tag: 0 }),
  },
});
