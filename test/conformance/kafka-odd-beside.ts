/**
 * Odd requests of which only a part can be refused for what it is, beside what is refused for another reason (`kafka-odd.ts`).
 */
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { offsetCommit } from "../../src/kafka/apis/08-offset-commit.ts";
import { produce } from "../../src/kafka/apis/00-produce.ts";
import { syncGroup } from "../../src/kafka/apis/14-sync-group.ts";
import { addPartitionsToTxn } from "../../src/kafka/apis/24-add-partitions-to-txn.ts";
import { txnOffsetCommit } from "../../src/kafka/apis/28-txn-offset-commit.ts";
import { describeTransactions } from "../../src/kafka/apis/65-describe-transactions.ts";
import { consumerGroupHeartbeat } from "../../src/kafka/apis/68-consumer-group-heartbeat.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { batchOf, fetchRequest, noId, produceTo } from "./kafka-records.ts";
import { type Identity, TransactionalClient } from "./kafka-transactional.ts";

const at = (...partitions: number[]) =>
  partitions.map((partitionIndex) => ({
    partitionIndex,
    committedOffset: 1,
    committedMetadata: "",
  }));

interface Places {
  readonly partitions: ReturnType<typeof at>;
}

const byName = (given: Places & { readonly name: string }) => ({ ...given, topicId: zeroUuid });
const byId = (given: Places & { readonly topicId: string }) => ({ ...given, name: "" });

/** A transactional id with a producer of epoch 0. */
async function begun(world: OddWorld) {
  const client = new TransactionalClient(world.connection, world.transactionalId());
  const producer = await client.begin();
  world.call(String(producer.producerId), "producer");
  return { client, producer };
}

function transactionalBatch({ producerId, producerEpoch }: Identity, baseSequence = 0) {
  return batchOf(["a"], { producerId, producerEpoch, baseSequence, transactional: true });
}

export const oddBeside: OddCases = {
  "OffsetCommit: places that are not there, of members that are none": async (world) => {
    const { name, id } = await world.topic();
    const answers = [];
    for (const groupId of ["", world.group()])
      for (const generationIdOrMemberEpoch of [-1, 4]) {
        const asked = { groupId, memberId: "nobody", generationIdOrMemberEpoch };
        for (const topics of [
          [{ name, partitions: at(0, 7, -1) }],
          [
            { name: "not-there", partitions: at(0) },
            { name, partitions: at(1) },
          ],
          [{ name: "not-there", partitions: at(0) }],
          [{ name, partitions: at(7) }],
          [{ name, partitions: [] }],
        ])
          for (const version of [2, 5, 9])
            answers.push(
              await world.ask(offsetCommit, version, { ...asked, topics: topics.map(byName) }),
            );
        for (const topics of [
          [
            { topicId: noId, partitions: at(0) },
            { topicId: id, partitions: at(0, 7) },
          ],
          [{ topicId: noId, partitions: at(0) }],
          [{ topicId: zeroUuid, partitions: at(0) }],
        ])
          answers.push(await world.ask(offsetCommit, 10, { ...asked, topics: topics.map(byId) }));
      }
    return answers;
  },
  "TxnOffsetCommit: places that are not there, of producers that are none": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const answers = [];
    for (const given of [{ producerEpoch: 5 }, { producerId: 987_654n }, { groupId: "" }])
      for (const topics of [
        [{ name, partitions: at(0, 7, -1) }],
        [
          { name: "not-there", partitions: at(0) },
          { name, partitions: at(1) },
        ],
        [{ name: "not-there", partitions: at(0) }],
        [{ name, partitions: [] }],
      ])
        for (const version of [0, 3, 5]) {
          const asked = { transactionalId: client.id, groupId: "group", ...producer, ...given };
          answers.push(await world.ask(txnOffsetCommit, version, { ...asked, topics }));
        }
    return answers;
  },
  "TxnOffsetCommit: where nothing can be committed no transaction begins": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const answers = [];
    for (const topics of [
      [],
      [{ name: "not-there", partitions: at(0) }],
      [{ name, partitions: at(7) }],
    ]) {
      const asked = { transactionalId: client.id, groupId: world.group(), ...producer, topics };
      answers.push(await world.ask(txnOffsetCommit, 5, asked));
      const transactionalIds = [client.id];
      const { transactionStates } = await world.connection.send(describeTransactions, 0, {
        transactionalIds,
      });
      answers.push(transactionStates[0]?.transactionState);
    }
    return answers;
  },
  "Produce: several producers in one transaction": async (world) => {
    const one = await begun(world);
    const two = await begun(world);
    const { name } = await world.topic();
    const next = { ...one.producer, producerEpoch: 1 };
    const plain = batchOf(["plain"]);
    const answers = [];
    for (const [acks, places] of [
      [-1, { 0: transactionalBatch(one.producer), 1: transactionalBatch(two.producer) }],
      [-1, { 0: transactionalBatch(one.producer), 1: transactionalBatch(next) }],
      [2, { 0: transactionalBatch(one.producer), 1: transactionalBatch(next) }],
      [1, { 0: transactionalBatch(one.producer), 1: transactionalBatch(next), 7: plain }],
      [1, { 0: transactionalBatch(one.producer), 7: transactionalBatch(next) }],
      [1, { 1: plain, 7: transactionalBatch(next) }],
    ] as const) {
      const partitionData = Object.entries(places).map(([index, records]) => ({
        index: Number(index),
        records,
      }));
      const asked = { transactionalId: one.client.id, acks, timeoutMs: 5_000 };
      const topicData = [
        { name, topicId: zeroUuid, partitionData },
        { name: "not-there", topicId: zeroUuid, partitionData: [] },
      ];
      answers.push(await world.ask(produce, 12, { ...asked, topicData }));
    }
    return answers;
  },
  "Produce: partitions that an internal topic does not have": async (world) => {
    const internal = { name: "__consumer_offsets", id: zeroUuid };
    const answers = [];
    for (const partition of [0, -1, 1_000])
      answers.push(await produceTo(world.connection, internal, batchOf(["a"]), { partition }));
    return world.told(answers);
  },
  "AddPartitionsToTxn: a topic without partitions beside a refusal": async (world) => {
    const { client, producer } = await begun(world);
    const { name } = await world.topic();
    const answers = [];
    for (const epoch of [0, 5])
      for (const partitions of [[0], [0, 7]])
        answers.push(
          await world.ask(addPartitionsToTxn, 3, {
            transactions: [],
            v3AndBelowTransactionalId: client.id,
            v3AndBelowProducerId: producer.producerId,
            v3AndBelowProducerEpoch: epoch,
            v3AndBelowTopics: [
              { name, partitions },
              { name: "not-there", partitions: [] },
            ],
          }),
        );
    return answers;
  },
  "SyncGroup: protocols without a name, of a group that is not there": async (world) => {
    const asked = { groupId: world.group(), memberId: "nobody", generationId: 1, assignments: [] };
    const answers = [];
    for (const [protocolType, protocolName] of [
      ["", ""],
      ["", "range"],
      ["consumer", ""],
      [null, "range"],
      ["consumer", null],
    ] as const)
      answers.push(await world.ask(syncGroup, 5, { ...asked, protocolType, protocolName }));
    return answers;
  },
  "ConsumerGroupHeartbeat: a pattern that is none, of who leaves": async (world) => {
    const { name } = await world.topic();
    const member = { groupId: world.group(), memberId: "AAAAAAAAAAAAAAAAAAAAAQ" };
    const first = { rebalanceTimeoutMs: 10_000, subscribedTopicNames: [name], topicPartitions: [] };
    const left = { ...member, memberEpoch: -1, subscribedTopicRegex: "[" };
    return [
      await world.ask(consumerGroupHeartbeat, 1, left),
      await world.ask(consumerGroupHeartbeat, 1, { ...member, memberEpoch: 0, ...first }),
      await world.ask(consumerGroupHeartbeat, 1, left),
      await world.ask(consumerGroupHeartbeat, 1, left),
    ];
  },
  "Fetch: bounds below 0 where there is nothing to read": async (world) => {
    const topic = await world.topic();
    await produceTo(world.connection, topic, batchOf(["a"]));
    const answers = [];
    for (const [maxBytes, partitionMaxBytes] of [
      [-1, 1_000],
      [1_000, -1],
    ] as const)
      for (const fetchOffset of [0, 1, 5, -1]) {
        const bounds = { maxBytes, partitionMaxBytes };
        answers.push(await world.ask(fetch, 12, fetchRequest(topic, fetchOffset, bounds)));
      }
    return answers;
  },
};
