/**
 * DescribeTransactions (key 65): the state of transactional ids and the partitions of their transactions (KIP-664).
 */
import { mapInTurns } from "../../lib/async.ts";
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { codeOf, NONE } from "../error-codes.ts";

const transactionState = {
  errorCode: int16(),
  transactionalId: string(),
  transactionState: string(),
  transactionTimeoutMs: int32(),
  transactionStartTimeMs: int64(),
  producerId: int64({ big: true }),
  producerEpoch: int16(),
  topics: array({ topic: string(), partitions: array(int32()) }),
};

export const describeTransactions = defineApi({
  key: 65,
  name: "DescribeTransactions",
  versions: "0",
  flexible: "0+",
  request: { transactionalIds: array(string()) },
  response: { throttleTimeMs: int32(), transactionStates: array(transactionState) },

  async handle({ transactionalIds }, { broker, context, door }) {
    const ids = [...new Set(transactionalIds)];
    const transactionStates = await mapInTurns(door.clock, ids, (transactionalId) => {
      try {
        const found = broker.transactions.describe(context, transactionalId);
        return {
          errorCode: NONE,
          transactionalId,
          transactionState: found.status,
          transactionTimeoutMs: found.timeoutMs,
          transactionStartTimeMs: found.startMs,
          ...found.producer,
          topics: found.partitions,
        };
      } catch (error) {
        return { ...nothing, transactionalId, errorCode: codeOf(error) };
      }
    });
    return { throttleTimeMs: 0, transactionStates };
  },
});

const nothing = {
  transactionState: "",
  transactionTimeoutMs: 0,
  transactionStartTimeMs: 0,
  producerId: 0n,
  producerEpoch: 0,
  topics: [],
};
