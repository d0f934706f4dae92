/**
 * A transactional producer as the suite of transactions plays it, frame by frame.
 */
import { describeProducers } from "../../src/kafka/apis/61-describe-producers.ts";
import { describeTransactions } from "../../src/kafka/apis/65-describe-transactions.ts";
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import { findCoordinator } from "../../src/kafka/apis/10-find-coordinator.ts";
import { initProducerId } from "../../src/kafka/apis/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/kafka/apis/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../src/kafka/apis/25-add-offsets-to-txn.ts";
import { endTxn } from "../../src/kafka/apis/26-end-txn.ts";
import { txnOffsetCommit } from "../../src/kafka/apis/28-txn-offset-commit.ts";
import type { KafkaConnection } from "./kafka-connection.ts";
import { batchOf, fetchRequest, produceRequest, type Topic } from "./kafka-records.ts";

/** Codes that pass: a coordinator that is not there yet or still loads, a transaction that is being completed. */
const PASSING = new Set([14, 15, 16, 51]);
const TRANSACTION = 1;
const GROUP = 0;

export interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

let ids = 0;

/** A transactional id that nobody has used. */
export function freshId(): string {
  ids += 1;
  return `txn-${process.pid}-${Date.now()}-${ids}`;
}

/** Asks again while the answer's code is one that passes. */
export async function patient<Answer extends { readonly errorCode: number }>(
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (!PASSING.has(answer.errorCode)) return answer;
    await Bun.sleep(20);
  }
}

export class TransactionalClient {
  readonly connection: KafkaConnection;
  readonly id: string;

  constructor(connection: KafkaConnection, id = freshId()) {
    this.connection = connection;
    this.id = id;
  }

  async locate(key = this.id, keyType = TRANSACTION): Promise<void> {
    const asked = { key, keyType, coordinatorKeys: [] };
    await patient(() => this.connection.send(findCoordinator, 2, asked));
  }

  init(expected: Partial<Identity> = {}, version = 5, timeoutMs = 60_000) {
    const asked = { transactionalId: this.id, transactionTimeoutMs: timeoutMs };
    return this.connection.send(initProducerId, version, { ...asked, ...expected });
  }

  /** Takes the id over, whatever was open. */
  async begin(timeoutMs = 60_000): Promise<Identity> {
    await this.locate();
    const { producerId, producerEpoch } = await patient(() => this.init({}, 5, timeoutMs));
    return { producerId, producerEpoch };
  }

  /** Version 3 and below; one code a partition. */
  async add(producer: Identity, topic: string, partitions: readonly number[], version = 3) {
    const { resultsByTopicV3AndBelow } = await this.connection.send(addPartitionsToTxn, version, {
      transactions: [],
      v3AndBelowTransactionalId: this.id,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions }],
    });
    // Apache Kafka answers in an order of its own, which depends on the topic's name.
    const results = resultsByTopicV3AndBelow.flatMap(
      ({ resultsByPartition }) => resultsByPartition,
    );
    return results
      .toSorted((a, b) => a.partitionIndex - b.partitionIndex)
      .map(({ partitionErrorCode }) => partitionErrorCode);
  }

  /** The batched form; one code a partition. */
  async addBatched(producer: Identity, topic: string, verifyOnly: boolean, version = 5) {
    const asked = { ...producer, verifyOnly, topics: [{ name: topic, partitions: [0] }] };
    const { resultsByTransaction } = await this.connection.send(addPartitionsToTxn, version, {
      transactions: [{ transactionalId: this.id, ...asked }],
      v3AndBelowTransactionalId: "",
      v3AndBelowProducerId: 0n,
      v3AndBelowProducerEpoch: 0,
      v3AndBelowTopics: [],
    });
    return resultsByTransaction.flatMap(({ topicResults }) =>
      topicResults.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
      ),
    );
  }

  async addOffsets(producer: Identity, groupId: string, version = 3): Promise<number> {
    const asked = { transactionalId: this.id, ...producer, groupId };
    return (await this.connection.send(addOffsetsToTxn, version, asked)).errorCode;
  }

  end(producer: Identity, committed: boolean, version = 5) {
    const asked = { transactionalId: this.id, ...producer, committed };
    return this.connection.send(endTxn, version, asked);
  }

  async commitOffset(
    producer: Identity,
    groupId: string,
    topic: string,
    committedOffset: number,
    version = 5,
  ): Promise<number> {
    for (;;) {
      const { topics } = await this.connection.send(txnOffsetCommit, version, {
        transactionalId: this.id,
        groupId,
        ...producer,
        topics: [
          {
            name: topic,
            partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: "" }],
          },
        ],
      });
      const code = topics[0]?.partitions[0]?.errorCode ?? -1;
      if (!PASSING.has(code)) return code;
      await Bun.sleep(20);
    }
  }

  /** One record; its offset, or the error's code below zero. */
  async produce(
    producer: Identity,
    topic: Topic,
    value: string,
    given: { sequence?: number; version?: number; transactionalId?: string | null } = {},
  ): Promise<number> {
    const { sequence = 0, version = 12, transactionalId = this.id } = given;
    const owner = { transactional: true, ...producer, baseSequence: sequence };
    const request = produceRequest(topic, batchOf([value], owner), { version });
    const { responses } = await this.connection.send(produce, version, {
      ...request,
      transactionalId,
    });
    const part = responses[0]?.partitionResponses[0];
    return part?.errorCode === 0 ? part.baseOffset : -(part?.errorCode ?? 0);
  }

  /** One partition's part of a Fetch. */
  async read(topic: Topic, from: number, isolationLevel: 0 | 1) {
    const { responses } = await this.connection.send(fetch, 12, {
      ...fetchRequest(topic, from),
      isolationLevel,
    });
    const part = responses[0]?.partitions[0];
    if (!part) throw new Error("no partition in the answer");
    return part;
  }

  async committed(groupId: string, topic: string, requireStable: boolean) {
    for (;;) {
      const { topics, errorCode } = await this.connection.send(offsetFetch, 7, {
        groupId,
        topics: [{ name: topic, partitionIndexes: [0] }],
        groups: [],
        requireStable,
      });
      const part = topics[0]?.partitions[0];
      if (!PASSING.has(errorCode)) {
        return { offset: part?.committedOffset ?? -1, code: part?.errorCode ?? errorCode };
      }
      await Bun.sleep(20);
    }
  }

  async state(): Promise<{ state: string; epoch: number; code: number; topics: string[] }> {
    const asked = { transactionalIds: [this.id] };
    const { transactionStates } = await this.connection.send(describeTransactions, 0, asked);
    const [found] = transactionStates;
    return {
      state: found?.transactionState ?? "",
      epoch: found?.producerEpoch ?? -1,
      code: found?.errorCode ?? -1,
      topics: found?.topics.map(({ topic }) => topic) ?? [],
    };
  }

  /** Waits until the transaction is in this state. */
  async reach(state: string): Promise<void> {
    while ((await this.state()).state !== state) await Bun.sleep(20);
  }

  async producers(topic: string) {
    const asked = { topics: [{ name: topic, partitionIndexes: [0] }] };
    const { topics } = await this.connection.send(describeProducers, 0, asked);
    return topics[0]?.partitions[0]?.activeProducers ?? [];
  }

  async locateGroup(groupId: string): Promise<void> {
    await this.locate(groupId, GROUP);
  }
}
