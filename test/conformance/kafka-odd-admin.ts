/**
 * Odd requests of administration (`kafka-odd.ts`).
 */
import { alterReplicaLogDirs } from "../../src/kafka/apis/34-alter-replica-log-dirs.ts";
import { electLeaders } from "../../src/kafka/apis/43-elect-leaders.ts";
import { alterPartitionReassignments } from "../../src/kafka/apis/45-alter-partition-reassignments.ts";
import { listPartitionReassignments } from "../../src/kafka/apis/46-list-partition-reassignments.ts";
import { alterClientQuotas } from "../../src/kafka/apis/49-alter-client-quotas.ts";
import { describeClientQuotas } from "../../src/kafka/apis/48-describe-client-quotas.ts";
import { describeQuorum } from "../../src/kafka/apis/55-describe-quorum.ts";
import { updateFeatures } from "../../src/kafka/apis/57-update-features.ts";
import { unregisterBroker } from "../../src/kafka/apis/64-unregister-broker.ts";
import type { OddCases } from "./kafka-odd.ts";

const longName = "x".repeat(250);
const wrongNames = ["", "a b", "..", longName, "not-there", "__consumer_offsets"];

export const oddAdmin: OddCases = {
  "AlterReplicaLogDirs: odd places": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const [path, topic, partitions] of [
      ["", name, [0]],
      ["relative", name, [0]],
      ["/not/there", name, [0, 0, 7]],
      ["/not/there", "not-there", [0]],
      ["/not/there", "", [0]],
    ] as const)
      answers.push(
        await world.ask(alterReplicaLogDirs, 2, {
          dirs: [{ path, topics: [{ name: topic, partitions }] }],
        }),
      );
    return answers;
  },
  "ElectLeaders: odd places": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const topicPartitions of [
      [{ topic: name, partitions: [0, 0] }],
      [
        { topic: name, partitions: [0] },
        { topic: name, partitions: [0, 1] },
      ],
      [{ topic: name, partitions: [7, -1] }],
      [{ topic: name, partitions: [] }],
      wrongNames.slice(0, 5).map((topic) => ({ topic, partitions: [0] })),
      [],
    ])
      for (const electionType of [0, 1])
        answers.push(
          await world.ask(electLeaders, 2, { electionType, topicPartitions, timeoutMs: 5_000 }),
        );
    for (const electionType of [2, -1]) {
      const topicPartitions = [{ topic: name, partitions: [0] }];
      answers.push(
        await world.ask(electLeaders, 2, { electionType, topicPartitions, timeoutMs: 5_000 }),
      );
    }
    return answers;
  },
  "AlterPartitionReassignments: odd places": async (world) => {
    const { name } = await world.topic();
    const to = (partitionIndex: number, replicas: readonly number[] | null) => ({
      partitionIndex,
      replicas,
    });
    const answers = [];
    for (const topics of [
      [{ name, partitions: [to(0, [1]), to(0, null)] }],
      [
        { name, partitions: [to(0, [1])] },
        { name, partitions: [to(0, null)] },
      ],
      [{ name, partitions: [to(0, [])] }],
      [{ name, partitions: [to(0, [1, 1])] }],
      [{ name, partitions: [to(0, [9])] }],
      [{ name, partitions: [to(0, [-1])] }],
      [{ name, partitions: [to(7, [1]), to(-1, null)] }],
      wrongNames.slice(0, 5).map((each) => ({ name: each, partitions: [to(0, [1]), to(0, null)] })),
      [{ name, partitions: [] }],
      [],
    ])
      answers.push(await world.ask(alterPartitionReassignments, 1, { timeoutMs: 5_000, topics }));
    return answers;
  },
  "ListPartitionReassignments: odd places": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const topics of [
      [{ name, partitionIndexes: [0, 0, 7, -1] }],
      [{ name: "not-there", partitionIndexes: [0] }],
      [{ name: "", partitionIndexes: [] }],
      [],
      null,
    ])
      answers.push(await world.ask(listPartitionReassignments, 0, { timeoutMs: 5_000, topics }));
    return answers;
  },
  "AlterClientQuotas, DescribeClientQuotas: odd entities": async (world) => {
    const answers = [];
    const op = (key: string, value: number, remove = false) => ({ key, value, remove });
    for (const [entity, ops] of [
      [[], [op("producer_byte_rate", 1)]],
      [[["user", ""]], [op("producer_byte_rate", 1)]],
      [[["nothing", "x"]], [op("producer_byte_rate", 1)]],
      [[["", "x"]], [op("producer_byte_rate", 1)]],
      [
        [
          ["user", "a"],
          ["user", "b"],
        ],
        [op("producer_byte_rate", 1)],
      ],
      [
        [
          ["user", "a"],
          ["ip", "127.0.0.1"],
        ],
        [op("producer_byte_rate", 1)],
      ],
      [[["ip", "nowhere.invalid"]], [op("connection_creation_rate", 1)]],
      [[["ip", "127.0.0.1"]], [op("producer_byte_rate", 1)]],
      [[["user", "a"]], [op("nothing", 1)]],
      [[["user", "a"]], [op("", 1)]],
      [[["user", "a"]], [op("producer_byte_rate", -1)]],
      [[["user", "a"]], [op("producer_byte_rate", 0)]],
      [[["user", "a"]], [op("producer_byte_rate", 1.5)]],
      [[["user", "a"]], [op("request_percentage", 1.5)]],
      [[["user", "a"]], [op("controller_mutation_rate", -0.5)]],
      [[["user", "a"]], [op("producer_byte_rate", 1), op("producer_byte_rate", 2)]],
      [[["user", "a"]], [op("nothing", 1, true)]],
      [[["user", "a"]], []],
    ] as const) {
      const entry = {
        entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
        ops,
      };
      answers.push(
        await world.ask(alterClientQuotas, 1, { entries: [entry], validateOnly: true }),
        await world.ask(alterClientQuotas, 1, { entries: [entry, entry], validateOnly: true }),
      );
    }
    for (const [entityType, matchType, match] of [
      ["user", 0, null],
      ["user", 7, "a"],
      ["user", -1, "a"],
      ["user", 1, "a"],
      ["user", 2, "a"],
      ["nothing", 0, "a"],
      ["", 0, "a"],
    ] as const) {
      const component = { entityType, matchType, match };
      answers.push(
        await world.ask(describeClientQuotas, 1, { components: [component], strict: true }),
        await world.ask(describeClientQuotas, 1, {
          components: [component, component],
          strict: true,
        }),
      );
    }
    return answers;
  },
  "DescribeQuorum, UnregisterBroker: odd places": async (world) => {
    const answers = [];
    for (const topics of [
      [],
      [{ topicName: "not-there", partitions: [{ partitionIndex: 0 }] }],
      [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 7 }] }],
      [{ topicName: "__cluster_metadata", partitions: [] }],
      [
        {
          topicName: "__cluster_metadata",
          partitions: [{ partitionIndex: 0 }, { partitionIndex: 0 }],
        },
      ],
    ]) {
      const answer = await world.connection.send(describeQuorum, 2, { topics });
      answers.push({
        errorCode: answer.errorCode,
        topics: answer.topics.map(({ topicName, partitions }) => ({
          topicName,
          partitions: partitions.map(({ partitionIndex, errorCode }) => ({
            partitionIndex,
            errorCode,
          })),
        })),
      });
    }
    for (const brokerId of [9, -1])
      answers.push(await world.ask(unregisterBroker, 0, { brokerId }));
    return world.told(answers);
  },
  "UpdateFeatures: odd features": async (world) => {
    const answers = [];
    const update = (feature: string, maxVersionLevel: number, upgradeType = 1) => ({
      feature,
      maxVersionLevel,
      upgradeType,
      allowDowngrade: false,
    });
    for (const featureUpdates of [
      [],
      [update("", 1)],
      [update("nothing", 1)],
      [update("group.version", -1)],
      [update("group.version", 99)],
      [update("group.version", 1), update("group.version", 1)],
      [update("group.version", 1, 0)],
      [update("group.version", 1, 7)],
      [update("group.version", 0, 1)],
      [update("transaction.version", 1, 1)],
    ])
      answers.push(
        await world.ask(updateFeatures, 2, {
          timeoutMs: 5_000,
          featureUpdates,
          validateOnly: true,
        }),
      );
    return answers;
  },
};
