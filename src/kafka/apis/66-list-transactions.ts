/**
 * ListTransactions (key 66): the transactional ids that this broker coordinates (KIP-664).
 *
 * - v1 asks for those that have lasted some time (KIP-994), v2 for ids that match a pattern (KIP-1152).
 */
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { topicRegex } from "../../coordinators/consumer/topic-regex.ts";
import { codeOf, NONE } from "../error-codes.ts";

const transactionState = {
  transactionalId: string(),
  producerId: int64({ big: true }),
  transactionState: string(),
};

export const listTransactions = defineApi({
  key: 66,
  name: "ListTransactions",
  versions: "0-2",
  flexible: "0+",
  request: {
    stateFilters: array(string()),
    producerIdFilters: array(int64({ big: true })),
    durationFilter: int64({ versions: "1+", default: -1 }),
    transactionalIdPattern: string({ versions: "2+", nullable: "2+", default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: array(transactionState),
  },

  async handle(request, { broker, context }) {
    const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request;
    try {
      const { unknownStates, transactions } = broker.transactions.list(context, {
        states: stateFilters,
        producerIds: producerIdFilters,
        olderThanMs: durationFilter,
        matches: transactionalIdPattern ? await topicRegex(transactionalIdPattern) : null,
      });
      return {
        throttleTimeMs: 0,
        errorCode: NONE,
        unknownStateFilters: unknownStates,
        transactionStates: transactions.map(({ transactionalId, producer, status }) => ({
          transactionalId,
          producerId: producer.producerId,
          transactionState: status,
        })),
      };
    } catch (error) {
      return {
        throttleTimeMs: 0,
        errorCode: codeOf(error),
        unknownStateFilters: [],
        transactionStates: [],
      };
    }
  },
});
