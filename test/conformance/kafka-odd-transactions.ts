/**
 * Odd requests about producers and transactions (`kafka-odd.ts`).
 */
import { initProducerId } from "../../src/kafka/apis/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/kafka/apis/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../src/kafka/apis/25-add-offsets-to-txn.ts";
import { endTxn } from "../../src/kafka/apis/26-end-txn.ts";
import { txnOffsetCommit } from "../../src/kafka/apis/28-txn-offset-commit.ts";
import { describeProducers } from "../../src/kafka/apis/61-describe-producers.ts";
import { describeTransactions } from "../../src/kafka/apis/65-describe-transactions.ts";
import { listTransactions } from "../../src/kafka/apis/66-list-transactions.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { type Identity, patient, TransactionalClient } from "./kafka-transactional.ts";

/** A transactional id with a producer of epoch 0. */
async function begun(world: OddWorld) {
  const client = new TransactionalClient(world.connection, world.transactionalId());
  const producer = await client.begin();
  world.call(String(producer.producerId), "producer");
  return { client, producer };
}

function adding(
  transactionalId: string,
  { producerId, producerEpoch }: Identity,
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
) {
  return {
    transactions: [],
    v3AndBelowTransactionalId: transactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: topics,
  };
}

function addingMany(transactions: readonly ReturnType<typeof one>[]) {
  return {
    transactions,
    v3AndBelowTransactionalId: "",
    v3AndBelowProducerId: 0n,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [],
  };
}

function one(
  transactionalId: string,
  producer: Identity,
  topics: readonly { readonly name: string; readonly partitions: readonly number[] }[],
  verifyOnly = false,
) {
  return { transactionalId, ...producer, verifyOnly, topics };
}

const nobody: Identity = { producerId: 987_654n, producerEpoch: 0 };

/** Transactional ids and producers of which no pair belongs together. */
function producersThatAreNone(id: string, producer: Identity): [string, Identity][] {
  return [
    ["", producer],
    ["not-there", producer],
    [id, nobody],
    [id, { ...producer, producerEpoch: 5 }],
    [id, { ...producer, producerEpoch: -1 }],
    [id, { producerId: -1n, producerEpoch: 0 }],
  ];
}

export const oddTransactions: OddCases = {
  "InitProducerId: odd producers": async (world) => {
    const answers = [];
    for (const given of [
      { transactionalId: "" },
      { transactionTimeoutMs: 0 },
      { transactionTimeoutMs: -1 },
      { transactionTimeoutMs: 900_000 },
      { transactionTimeoutMs: 900_001 },
      { producerId: 5n },
      { producerEpoch: 5 },
      { producerId: 5n, producerEpoch: 5 },
      { producerId: -5n, producerEpoch: 0 },
      { producerId: 5n, producerEpoch: -5 },
      { transactionalId: null, producerId: 5n, producerEpoch: 5 },
      { transactionalId: null, producerId: 5n },
      { transactionalId: null, transactionTimeoutMs: -1 },
    ]) {
      const asked = { transactionTimeoutMs: 60_000, ...given };
      const transactionalId =
        given.transactionalId === undefined ? world.transactionalId() : given.transactionalId;
      const answer = await patient(() =>
        world.connection.send(initProducerId, 5, { ...asked, transactionalId }),
      );
      answers.push({
        given,
        errorCode: answer.errorCode,
        epoch: answer.producerEpoch,
      });
    }
    return world.told(answers);
  },
  "InitProducerId: a known id": async (world) => {
    const { client, producer } = await begun(world);
    const answers = [];
    for (const expected of [
      { producerId: producer.producerId, producerEpoch: 7 },
      { producerId: producer.producerId + 1000n, producerEpoch: 0 },
      { producerId: producer.producerId },
      { producerId: producer.producerId, producerEpoch: 0 },
      { producerId: producer.producerId, producerEpoch: 0 },
    ]) {
      const { errorCode, producerEpoch } = await client.init(expected);
      answers.push({ errorCode, producerEpoch });
    }
    return answers;
  },
  "AddPartitionsToTxn: partitions twice": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const twice = [
      { name, partitions: [0, 0] },
      { name, partitions: [1, 0] },
    ];
    return [
      await world.ask(
        addPartitionsToTxn,
        3,
        adding(client.id, producer, [{ name, partitions: [0, 0] }]),
      ),
      await world.ask(addPartitionsToTxn, 3, adding(client.id, producer, twice)),
      await world.ask(addPartitionsToTxn, 5, addingMany([one(client.id, producer, twice)])),
      await world.ask(describeTransactions, 0, { transactionalIds: [client.id] }),
    ];
  },
  "AddPartitionsToTxn: places that are not there": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const answers = [];
    for (const topics of [
      [{ name, partitions: [0, 2, -1] }],
      [
        { name, partitions: [0] },
        { name: "not-there", partitions: [0] },
      ],
      ["", "a b"].map((each) => ({ name: each, partitions: [0] })),
    ]) {
      answers.push(await world.ask(addPartitionsToTxn, 3, adding(client.id, producer, topics)));
      const batched = addingMany([one(client.id, producer, topics)]);
      answers.push(await world.ask(addPartitionsToTxn, 5, batched));
    }
    return answers;
  },
  "AddPartitionsToTxn: producers that are none": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const topics = [{ name, partitions: [0] }];
    const answers = [];
    for (const [id, who] of producersThatAreNone(client.id, producer)) {
      answers.push(await world.ask(addPartitionsToTxn, 3, adding(id, who, topics)));
      answers.push(await world.ask(addPartitionsToTxn, 5, addingMany([one(id, who, topics)])));
      const verify = addingMany([one(id, who, topics, true)]);
      answers.push(await world.ask(addPartitionsToTxn, 5, verify));
    }
    return answers;
  },
  "AddOffsetsToTxn, EndTxn: producers that are none": async (world) => {
    const { client, producer } = await begun(world);
    const groupId = world.group();
    const answers = [];
    for (const [transactionalId, who] of producersThatAreNone(client.id, producer)) {
      const asked = { transactionalId, ...who };
      for (const version of [1, 3, 4])
        answers.push(await world.ask(addOffsetsToTxn, version, { ...asked, groupId }));
      answers.push(await world.ask(addOffsetsToTxn, 4, { ...asked, groupId: "" }));
      for (const version of [1, 3, 4, 5])
        for (const committed of [true, false])
          answers.push(await world.ask(endTxn, version, { ...asked, committed }));
    }
    return answers;
  },
  "EndTxn: nothing was begun": async (world) => {
    const answers = [];
    for (const version of [1, 3, 4, 5])
      for (const committed of [true, false]) {
        const { client, producer } = await begun(world);
        const { errorCode, producerEpoch } = await client.end(producer, committed, version);
        answers.push({ version, committed, errorCode, producerEpoch });
      }
    return answers;
  },
  "TxnOffsetCommit: partitions twice, places that are not there": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const groupId = world.group();
    const at = (...partitions: number[]) =>
      partitions.map((partitionIndex, at) => ({
        partitionIndex,
        committedOffset: at,
        committedMetadata: "",
      }));
    const answers = [];
    for (const topics of [
      [{ name, partitions: at(0, 0) }],
      [
        { name, partitions: at(0) },
        { name, partitions: at(1) },
      ],
      [{ name, partitions: at(2, -1, 0) }],
      ["", "a b", "not-there", "__consumer_offsets"].map((each) => ({
        name: each,
        partitions: at(0),
      })),
      [{ name, partitions: [] }],
      [],
      [
        {
          name,
          partitions: at(0).map((each) => ({ ...each, committedMetadata: "x".repeat(4097) })),
        },
      ],
      [{ name, partitions: at(0).map((each) => ({ ...each, committedOffset: -5 })) }],
    ]) {
      const asked = { transactionalId: client.id, groupId, ...producer, topics };
      answers.push(await world.ask(txnOffsetCommit, 5, asked));
    }
    return answers;
  },
  "TxnOffsetCommit: producers and members that are none": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }];
    const answers = [];
    for (const version of [3, 4, 5])
      for (const given of [
        { transactionalId: "" },
        { transactionalId: "not-there" },
        { groupId: "" },
        { ...nobody },
        { producerEpoch: 5 },
        { producerEpoch: -1 },
        { memberId: "nobody" },
        { generationId: 4 },
        { generationId: -2 },
        { groupInstanceId: "instance" },
      ]) {
        const asked = {
          transactionalId: client.id,
          groupId: world.group(),
          ...producer,
          ...given,
          topics: [{ name, partitions }],
        };
        answers.push({ version, given, answer: await world.ask(txnOffsetCommit, version, asked) });
      }
    return world.told(answers);
  },
  "DescribeTransactions, ListTransactions: odd ids and filters": async (world) => {
    const { client } = await begun(world);
    const answers = [];
    for (const transactionalIds of [[], [""], ["not-there"], [client.id]])
      answers.push(await world.ask(describeTransactions, 0, { transactionalIds }));
    for (const given of [
      { stateFilters: ["nothing"] },
      { stateFilters: [""] },
      { stateFilters: ["empty"] },
      { stateFilters: ["nothing", "Ongoing"], producerIdFilters: [-5n] },
      { producerIdFilters: [-1n] },
      { durationFilter: 2 ** 40 },
      { durationFilter: -7, producerIdFilters: [-5n] },
      { transactionalIdPattern: "", producerIdFilters: [-5n] },
      { transactionalIdPattern: "[" },
      { transactionalIdPattern: "nothing" },
    ]) {
      const asked = { stateFilters: [], producerIdFilters: [], ...given };
      const { errorCode, unknownStateFilters } = await world.connection.send(
        listTransactions,
        2,
        asked,
      );
      answers.push({ errorCode, unknownStateFilters });
    }
    return world.told(answers);
  },
  "DescribeProducers: places that are not there": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const topics of [
      [{ name, partitionIndexes: [0, 1, 2, -1] }],
      ["", "a b", "not-there"].map((each) => ({ name: each, partitionIndexes: [0] })),
      [{ name, partitionIndexes: [] }],
      [],
    ])
      answers.push(await world.ask(describeProducers, 0, { topics }));
    return answers;
  },
};
