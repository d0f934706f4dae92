/**
 * AddPartitionsToTxn (key 24): partitions that a transaction is going to write to.
 *
 * - Until v3 a client asks for one transaction, its fields named v3AndBelow; from v4 brokers ask for several at once, to add or
 *   only to check them (KIP-890). Some clients send the batched form too.
 * - v5 has TRANSACTION_ABORTABLE.
 */
import { array, bool, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";

const addPartitionsToTxnTransaction = {
  transactionalId: string(),
  producerId: int64({ big: true }),
  producerEpoch: int16(),
  verifyOnly: bool({ default: false }),
  topics: array({ name: string(), partitions: array(int32()) }),
};

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: array({ partitionIndex: int32(), partitionErrorCode: int16() }),
};

const addPartitionsToTxnResult = {
  transactionalId: string(),
  topicResults: array(addPartitionsToTxnTopicResult),
};

export const addPartitionsToTxn = defineApi({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: "0-5",
  flexible: "3+",
  request: {
    transactions: array(addPartitionsToTxnTransaction, { versions: "4+" }),
    v3AndBelowTransactionalId: string({ versions: "0-3" }),
    v3AndBelowProducerId: int64({ versions: "0-3", big: true }),
    v3AndBelowProducerEpoch: int16({ versions: "0-3" }),
    v3AndBelowTopics: array({ name: string(), partitions: array(int32()) }, { versions: "0-3" }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "4+", ignorable: true }),
    resultsByTransaction: array(addPartitionsToTxnResult, { versions: "4+" }),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult, { versions: "0-3" }),
  },
});
