/**
 * DescribeProducers (key 61): the producers that partitions know, with sequence, epoch and open transaction (KIP-664).
 */
import { array, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { checkName } from "../../broker/topics/rules.ts";
import { mapNestedInTurns } from "../../lib/async.ts";
import { codeOf, messageOf, NONE } from "../error-codes.ts";

const producerState = {
  producerId: int64({ big: true }),
  producerEpoch: int32(),
  lastSequence: int32({ default: -1 }),
  lastTimestamp: int64({ default: -1 }),
  coordinatorEpoch: int32(),
  currentTxnStartOffset: int64({ default: -1 }),
};

const partitionResponse = {
  partitionIndex: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+", default: null }),
  activeProducers: array(producerState),
};

export const describeProducers = defineApi({
  key: 61,
  name: "DescribeProducers",
  versions: "0",
  flexible: "0+",
  request: { topics: array({ name: string(), partitionIndexes: array(int32()) }) },
  response: {
    throttleTimeMs: int32(),
    topics: array({ name: string(), partitions: array(partitionResponse) }),
  },

  async handle(request, { broker, context, door }) {
    // Each once: a short request must not make an answer that has no end.
    const byName = new Map<string, Set<number>>();
    for (const { name, partitionIndexes } of request.topics) {
      const indexes = byName.get(name) ?? new Set();
      byName.set(name, indexes);
      for (const index of partitionIndexes) indexes.add(index);
    }
    const topics = Array.from(byName, ([name, indexes]) => ({ name, indexes: [...indexes] }));
    const described = await mapNestedInTurns(
      door.clock,
      topics,
      ({ indexes }) => indexes,
      async (partitionIndex, { name }) => {
        try {
          checkName(name);
          const producers = await broker.producers.describe(context, name, partitionIndex);
          const activeProducers = producers.map(({ transactionStart, ...producer }) => ({
            ...producer,
            currentTxnStartOffset: transactionStart,
          }));
          return { partitionIndex, errorCode: NONE, errorMessage: null, activeProducers };
        } catch (error) {
          const errorCode = codeOf(error);
          return { partitionIndex, errorCode, errorMessage: messageOf(error), activeProducers: [] };
        }
      },
    );
    return {
      throttleTimeMs: 0,
      topics: topics.map(({ name }, at) => ({ name, partitions: described[at] ?? [] })),
    };
  },
});
