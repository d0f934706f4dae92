/**
 * Odd requests in the midst of transactions, and to partitions that only brokers write to (`kafka-odd.ts`).
 */
import { initProducerId } from "../../src/kafka/apis/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../src/kafka/apis/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../src/kafka/apis/25-add-offsets-to-txn.ts";
import { endTxn } from "../../src/kafka/apis/26-end-txn.ts";
import { writeTxnMarkers } from "../../src/kafka/apis/27-write-txn-markers.ts";
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

interface AskedTopic {
  readonly name: string;
  readonly partitions: readonly number[];
}

function adding(id: string, producer: Identity, topics: readonly AskedTopic[]) {
  return {
    transactions: [],
    v3AndBelowTransactionalId: id,
    v3AndBelowProducerId: producer.producerId,
    v3AndBelowProducerEpoch: producer.producerEpoch,
    v3AndBelowTopics: topics,
  };
}

function addingMany(
  transactions: readonly (Identity & {
    transactionalId: string;
    verifyOnly: boolean;
    topics: readonly AskedTopic[];
  })[],
) {
  return {
    transactions,
    v3AndBelowTransactionalId: "",
    v3AndBelowProducerId: 0n,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [],
  };
}

const internals = [
  "__consumer_offsets",
  "__transaction_state",
  "__share_group_state",
  "__cluster_metadata",
  "__remote_log_metadata",
];

export const oddOpen: OddCases = {
  "AddPartitionsToTxn: internal topics": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const answers = [];
    for (const internal of internals)
      for (const topics of [
        [{ name: internal, partitions: [0] }],
        [
          { name: internal, partitions: [0, 1] },
          { name, partitions: [0] },
        ],
        [
          { name, partitions: [0] },
          { name: internal, partitions: [0] },
          { name: "not-there", partitions: [0] },
        ],
      ]) {
        answers.push(await world.ask(addPartitionsToTxn, 3, adding(client.id, producer, topics)));
        // Of these a broker may add what no marker could be written to here.
        if (internal === "__transaction_state") continue;
        for (const verifyOnly of [false, true]) {
          const one = { transactionalId: client.id, ...producer, verifyOnly, topics };
          answers.push(await world.ask(addPartitionsToTxn, 5, addingMany([one])));
        }
      }
    return answers;
  },
  "AddPartitionsToTxn: several transactions": async (world) => {
    const [a, b] = [await begun(world), await begun(world)];
    const { name } = await world.topic();
    const topics = [{ name, partitions: [0] }];
    const of = (who: typeof a, given = {}) => ({
      transactionalId: who.client.id,
      ...who.producer,
      verifyOnly: false,
      topics,
      ...given,
    });
    const answers = [];
    // Those without transactions or partitions Apache Kafka never answers.
    for (const transactions of [
      [of(a), of(b, { verifyOnly: true })],
      [of(a, { verifyOnly: true }), of(b)],
      [of(a), of(b, { producerEpoch: 9 })],
    ])
      answers.push(await world.ask(addPartitionsToTxn, 5, addingMany(transactions)));
    answers.push(
      await world.ask(addPartitionsToTxn, 3, adding(a.client.id, a.producer, [])),
      await world.ask(
        addPartitionsToTxn,
        3,
        adding(a.client.id, a.producer, [{ name, partitions: [] }]),
      ),
    );
    return answers;
  },
  "EndTxn: again, the other way, with other epochs": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const version of [3, 4, 5])
      for (const committed of [true, false]) {
        const { client, producer } = await begun(world);
        await client.add(producer, name, [0]);
        const said = [];
        for (const [epoch, way] of [
          [7, committed],
          [-1, committed],
          [0, committed],
          [0, committed],
          [0, !committed],
          [1, committed],
          [1, !committed],
          [2, committed],
        ] as const) {
          const asked = { transactionalId: client.id, ...producer, producerEpoch: epoch };
          const answer = await patient(() =>
            world.connection.send(endTxn, version, { ...asked, committed: way }),
          );
          said.push(answer);
        }
        answers.push(world.told(said));
      }
    return answers;
  },
  "InitProducerId: in the midst of a transaction": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const version of [2, 3, 5]) {
      const { client, producer } = await begun(world);
      await client.add(producer, name, [0]);
      const said = [];
      for (const given of [
        ...(version > 2
          ? [
              { ...producer, producerEpoch: 4 },
              { ...producer, producerId: producer.producerId + 1000n },
              producer,
              producer,
              { ...producer, producerEpoch: 1 },
            ]
          : []),
        {},
        {},
      ]) {
        const asked = { transactionalId: client.id, transactionTimeoutMs: 60_000, ...given };
        const { errorCode, producerEpoch } = await patient(() =>
          world.connection.send(initProducerId, version, asked),
        );
        said.push({ errorCode, producerEpoch });
      }
      answers.push(said);
    }
    return answers;
  },
  "AddOffsetsToTxn: odd groups, and again": async (world) => {
    const { client, producer } = await begun(world);
    const answers = [];
    const group = world.group();
    for (const groupId of ["a b", group, group, "", " "])
      answers.push(
        await world.ask(addOffsetsToTxn, 4, { transactionalId: client.id, ...producer, groupId }),
      );
    const transactionalIds = [client.id, "", "not-there"];
    const told = await world.connection.send(describeTransactions, 0, { transactionalIds });
    // Apache Kafka's partition of a group is by its name, which is another each time.
    const states = told.transactionStates.map((state) => ({
      errorCode: state.errorCode,
      transactionState: state.transactionState,
      topics: state.topics.map(({ topic }) => topic),
    }));
    answers.push(world.told(states));
    return answers;
  },
  "WriteTxnMarkers: odd producers and places": async (world) => {
    const { name } = await world.topic();
    const marker = {
      producerId: 4_000_000n,
      producerEpoch: 3,
      transactionResult: true,
      coordinatorEpoch: 5,
      topics: [{ name, partitionIndexes: [0] }],
    };
    world.call("4000000", "nobody");
    world.call("4000001", "somebody");
    const answers = [];
    for (const markers of [
      [],
      [{ ...marker, topics: [] }],
      [{ ...marker, topics: [{ name, partitionIndexes: [] }] }],
      [{ ...marker, topics: [{ name, partitionIndexes: [7, -1] }] }],
      [{ ...marker, topics: [{ name: "not-there", partitionIndexes: [0] }] }],
      [{ ...marker, topics: [{ name: "", partitionIndexes: [0] }] }],
      [marker],
      [{ ...marker, producerEpoch: 2 }],
      [{ ...marker, coordinatorEpoch: 4 }],
      [{ ...marker, producerEpoch: 4, coordinatorEpoch: 4 }],
      [{ ...marker, transactionVersion: 2 }],
      [{ ...marker, producerEpoch: 4, transactionVersion: 2 }],
      [{ ...marker, producerId: 4_000_001n, coordinatorEpoch: -1 }],
      [{ ...marker, producerId: 4_000_001n, producerEpoch: 4, transactionVersion: 9 }],
      [marker, { ...marker, producerId: 4_000_001n, producerEpoch: 9 }],
    ])
      answers.push(await world.ask(writeTxnMarkers, 2, { markers }));
    const topics = [{ name, partitionIndexes: [0, 1] }];
    answers.push(await world.ask(describeProducers, 0, { topics }));
    return answers;
  },
  "WriteTxnMarkers: producers below zero": async (world) => {
    const { name } = await world.topic();
    const marker = {
      producerId: 4_000_002n,
      producerEpoch: 3,
      transactionResult: true,
      coordinatorEpoch: 5,
      topics: [{ name, partitionIndexes: [0] }],
    };
    const answers = [];
    for (const given of [
      { producerId: -1n },
      { producerId: -7n },
      { producerEpoch: -1 },
      { producerEpoch: -7 },
      { producerId: -1n, producerEpoch: -1 },
    ])
      answers.push(await world.ask(writeTxnMarkers, 2, { markers: [{ ...marker, ...given }] }));
    return answers;
  },
  "ListTransactions: filters that match": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    await client.add(producer, name, [0]);
    const answers = [];
    for (const given of [
      { transactionalIdPattern: client.id },
      { transactionalIdPattern: client.id.slice(0, -1) },
      { transactionalIdPattern: `${client.id}.*` },
      { stateFilters: ["Ongoing"] },
      { stateFilters: ["ONGOING"] },
      { stateFilters: ["ongoing", "nothing"] },
      { stateFilters: ["Empty"] },
      { stateFilters: ["Ongoing", "Ongoing"] },
      { durationFilter: 0 },
      { durationFilter: -1 },
      { durationFilter: -2 },
      { durationFilter: 1_000_000 },
      { producerIdFilters: [producer.producerId + 1n] },
    ]) {
      const asked = { stateFilters: [], producerIdFilters: [producer.producerId], ...given };
      answers.push(await world.ask(listTransactions, 2, asked));
    }
    return answers;
  },
};
