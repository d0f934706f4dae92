/**
 * AddPartitionsToTxn (key 24): partitions that a transaction is going to write to.
 *
 * - Until v3 a client asks for one transaction, its fields named v3AndBelow; from v4 brokers ask for several at once, to add or
 *   only to check them (KIP-890). Some clients send the batched form too.
 * - v5 has TRANSACTION_ABORTABLE.
 */
import { array, bool, int16, int32, int64, string } from "../../wire/schema.ts";
import { defineApi } from "../define-api.ts";
import { mapInTurns } from "../../lib/async.ts";
import { partitionsOf } from "../../coordinators/transactions/partitions.ts";
import type { Decoded } from "../../wire/schema.ts";
import type { Call } from "../call.ts";
import { codeOf, NONE } from "../error-codes.ts";
import { fencedAs } from "../answers/transaction-errors.ts";

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

  async handle(request, call) {
    const common = { throttleTimeMs: 0, errorCode: NONE };
    if (call.version >= BATCHED_FROM) {
      const resultsByTransaction = await mapInTurns(
        call.door.clock,
        request.transactions,
        async (transaction) => ({
          transactionalId: transaction.transactionalId,
          topicResults: await addOne(transaction, call),
        }),
      );
      return { ...common, resultsByTransaction, resultsByTopicV3AndBelow: [] };
    }
    const transaction = {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      verifyOnly: false,
      topics: request.v3AndBelowTopics,
    };
    const resultsByTopicV3AndBelow = await addOne(transaction, call);
    return { ...common, resultsByTransaction: [], resultsByTopicV3AndBelow };
  },
});

const BATCHED_FROM = 4;

type Transaction = Decoded<typeof addPartitionsToTxnTransaction>;

/** What went wrong with the transaction is told of each partition. */
async function addOne(
  { transactionalId, producerId, producerEpoch, verifyOnly, topics }: Transaction,
  { broker, context, version }: Call,
) {
  const named = topics.map(({ name, partitions }) => ({ topic: name, partitions }));
  const ask = {
    transactionalId,
    producer: { producerId, producerEpoch },
    partitions: partitionsOf(named),
    clientVersion: version >= BATCHED_FROM ? 2 : 0,
  } as const;
  const codes = new Map<string, number>();
  let all = NONE;
  try {
    const { transactions } = broker;
    const outcomes = verifyOnly
      ? await transactions.verifyPartitions(context, ask)
      : await transactions.addPartitions(context, ask);
    for (const { topic, index, refusal } of outcomes)
      if (refusal) codes.set(`${index} ${topic}`, codeOf(refusal));
  } catch (error) {
    all = codeOf(fencedAs(error, version >= 2));
  }
  // As in Kafka, topics without partitions are left out where a partition is refused for what it is.
  const told = codes.size === 0 ? topics : topics.filter(({ partitions }) => partitions.length > 0);
  return told.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codes.get(`${partitionIndex} ${name}`) ?? all,
    })),
  }));
}
