/**
 * Odd requests that make topics and partitions, really, and what is there afterwards (`kafka-odd.ts`).
 */
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { deleteRecords } from "../../src/kafka/apis/21-delete-records.ts";
import { createPartitions } from "../../src/kafka/apis/37-create-partitions.ts";
import { alterReplicaLogDirs } from "../../src/kafka/apis/34-alter-replica-log-dirs.ts";
import { electLeaders } from "../../src/kafka/apis/43-elect-leaders.ts";
import { alterPartitionReassignments } from "../../src/kafka/apis/45-alter-partition-reassignments.ts";
import { listPartitionReassignments } from "../../src/kafka/apis/46-list-partition-reassignments.ts";
import { updateFeatures } from "../../src/kafka/apis/57-update-features.ts";
import { describeProducers } from "../../src/kafka/apis/61-describe-producers.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { askedTopic, batchOf, metadataRequest, produceTo } from "./kafka-records.ts";

const place = (partitionIndex: number, ...brokerIds: number[]) => ({ partitionIndex, brokerIds });

/** How many partitions it has. */
async function partitionsOf(world: OddWorld, name: string): Promise<unknown> {
  await world.topic(1); // Apache Kafka's broker hears of changes in their order.
  const asked = { ...metadataRequest([askedTopic(name)]), allowAutoTopicCreation: false };
  const { topics } = await world.connection.send(metadata, 12, asked);
  return topics.map(({ errorCode, partitions }) => ({ errorCode, count: partitions.length }));
}

export const oddMaking: OddCases = {
  "CreateTopics: version by version": async (world) => {
    const answers = [];
    for (const version of [2, 4, 5, 7])
      for (const given of [
        { numPartitions: 3 },
        { numPartitions: -1 },
        { replicationFactor: -1 },
        { numPartitions: -1, replicationFactor: -1, assignments: [place(1, 1), place(0, 1)] },
        {
          configs: [
            { name: "retention.ms", value: "5" },
            { name: "cleanup.policy", value: "compact" },
          ],
        },
        { configs: [{ name: "retention.ms", value: null }] },
      ]) {
        const name = world.group();
        const topic = {
          name,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          configs: [],
          ...given,
        };
        const { topics } = await world.connection.send(createTopics, version, {
          topics: [topic],
          timeoutMs: 5_000,
          validateOnly: false,
        });
        const told = topics.map(({ topicId, configs, ...rest }) => ({
          ...rest,
          hasId: topicId !== zeroUuid,
          own: configs?.filter(({ configSource }) => configSource === 1) ?? null,
        }));
        answers.push({ version, told, made: await partitionsOf(world, name) });
      }
    return world.told(answers);
  },
  "Time-outs that are over": async (world) => {
    const answers = [];
    for (const timeoutMs of [0, -1, -(2 ** 31)]) {
      const { name } = await world.topic(1);
      const fresh = world.group();
      const topic = {
        name: fresh,
        numPartitions: 1,
        replicationFactor: 1,
        assignments: [],
        configs: [],
      };
      const doomed = { topics: [{ name, topicId: zeroUuid }], topicNames: [] };
      const partitions = [{ partitionIndex: 0, replicas: [1] }];
      for (const validateOnly of [true, false]) {
        const made = await world.connection.send(createTopics, 7, {
          topics: [topic, { ...topic, name: "a b" }],
          timeoutMs,
          validateOnly,
        });
        answers.push(
          made.topics.map(({ errorCode, numPartitions }) => ({ errorCode, numPartitions })),
        );
      }
      answers.push(
        await partitionsOf(world, fresh),
        await world.ask(createPartitions, 3, {
          topics: [
            { name, count: 2, assignments: null },
            { name: "not-there", count: 2, assignments: null },
          ],
          timeoutMs,
          validateOnly: false,
        }),
        await partitionsOf(world, name),
        await world.ask(electLeaders, 2, {
          electionType: 0,
          topicPartitions: [{ topic: name, partitions: [0] }],
          timeoutMs,
        }),
        await world.ask(alterPartitionReassignments, 1, {
          timeoutMs,
          topics: [{ name, partitions }],
        }),
        await world.ask(listPartitionReassignments, 0, { timeoutMs, topics: null }),
        await world.ask(updateFeatures, 2, { timeoutMs, featureUpdates: [], validateOnly: true }),
        await world.ask(updateFeatures, 2, {
          timeoutMs,
          featureUpdates: [
            { feature: "group.version", maxVersionLevel: 1, upgradeType: 1, allowDowngrade: false },
          ],
          validateOnly: true,
        }),
        await world.ask(deleteTopics, 6, { ...doomed, timeoutMs }),
        await partitionsOf(world, name),
      );
    }
    return world.told(answers);
  },
  "CreatePartitions: step by step": async (world) => {
    const { name } = await world.topic(1);
    const answers = [];
    for (const [count, assignments] of [
      [2, null],
      [2, null],
      [3, [{ brokerIds: [1] }]],
      [4, []],
      [5, [{ brokerIds: [1] }, { brokerIds: [1] }]],
      [5, [{ brokerIds: [1] }]],
      [6, [{ brokerIds: [] }]],
    ] as const)
      for (const version of [1, 3]) {
        const topics = [{ name, count, assignments }];
        const asked = { topics, timeoutMs: 5_000, validateOnly: false };
        answers.push(
          await world.ask(createPartitions, version, asked),
          await partitionsOf(world, name),
        );
      }
    return answers;
  },
  "DeleteTopics: version by version": async (world) => {
    const answers = [];
    for (const version of [1, 3, 4, 5, 6]) {
      const { name, id } = await world.topic(1);
      const asked = { name, topicId: zeroUuid };
      const byName = { topics: [asked], topicNames: [], timeoutMs: 5_000 };
      const old = { topics: [], topicNames: [name, "not-there"], timeoutMs: 5_000 };
      for (let time = 0; time < 2; time++) {
        answers.push(await world.ask(deleteTopics, version, version < 6 ? old : byName));
        await world.topic(1);
      }
      answers.push(await partitionsOf(world, name));
      if (version === 6)
        answers.push(
          await world.ask(deleteTopics, 6, {
            topics: [{ name: null, topicId: id }],
            topicNames: [],
            timeoutMs: 5_000,
          }),
        );
    }
    return answers;
  },
  "DeleteRecords: then lower, then all, then past the end": async (world) => {
    const topic = await world.topic(1);
    await produceTo(world.connection, topic, batchOf(["a", "b", "c"]));
    const answers = [];
    for (const offset of [2, 1, 2, -1, 3, 4, 0, -2])
      answers.push(
        await world.ask(deleteRecords, 2, {
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset }] }],
          timeoutMs: 5_000,
        }),
      );
    return answers;
  },
  "DeleteRecords: topics of other policies": async (world) => {
    const answers = [];
    for (const value of ["compact", "compact,delete", ""]) {
      const topic = await world.topic(1, [{ name: "cleanup.policy", value }]);
      answers.push(
        await world.ask(deleteRecords, 2, {
          topics: [{ name: topic.name, partitions: [{ partitionIndex: 0, offset: 0 }] }],
          timeoutMs: 5_000,
        }),
      );
    }
    return answers;
  },
  "AlterReplicaLogDirs: version by version": async (world) => {
    const { name } = await world.topic(1);
    const answers = [];
    for (const version of [1, 2])
      for (const dirs of [
        [],
        [{ path: "/not/there", topics: [] }],
        [{ path: "/not/there", topics: [{ name, partitions: [] }] }],
        [
          { path: "/not/there", topics: [{ name, partitions: [0] }] },
          { path: "/nor/there", topics: [{ name, partitions: [0] }] },
        ],
      ])
        answers.push(await world.ask(alterReplicaLogDirs, version, { dirs }));
    return answers;
  },
  "ElectLeaders: version by version": async (world) => {
    const { name } = await world.topic(1);
    const answers = [];
    for (const version of [0, 1, 2])
      for (const topicPartitions of [[{ topic: name, partitions: [0] }], []])
        answers.push(
          await world.ask(electLeaders, version, {
            electionType: 0,
            topicPartitions,
            timeoutMs: 5_000,
          }),
        );
    return answers;
  },
  "AlterPartitionReassignments: more or fewer replicas": async (world) => {
    const { name } = await world.topic(1);
    const answers = [];
    for (const allowReplicationFactorChange of [true, false])
      for (const replicas of [[1], [], [1, 2], [2], null]) {
        const topics = [{ name, partitions: [{ partitionIndex: 0, replicas }] }];
        answers.push(
          await world.ask(alterPartitionReassignments, 1, {
            timeoutMs: 5_000,
            allowReplicationFactorChange,
            topics,
          }),
        );
      }
    return answers;
  },
  "DescribeProducers: partitions that were written to": async (world) => {
    const topic = await world.topic(2);
    await produceTo(
      world.connection,
      topic,
      batchOf(["a"], { producerId: 77n, producerEpoch: 3, baseSequence: 0 }),
    );
    await produceTo(world.connection, topic, batchOf(["b"]));
    const topics = [{ name: topic.name, partitionIndexes: [0, 1] }];
    return world.ask(describeProducers, 0, { topics });
  },
};
