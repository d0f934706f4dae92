/**
 * Odd requests about topics (`kafka-odd.ts`).
 */
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { createPartitions } from "../../src/kafka/apis/37-create-partitions.ts";
import { describeTopicPartitions } from "../../src/kafka/apis/75-describe-topic-partitions.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { askedTopic, metadataRequest, noId } from "./kafka-records.ts";

const longName = "x".repeat(250);
const wrongNames = ["", "a b", "..", longName, "not-there", "__consumer_offsets"];

interface Creating {
  readonly name: string;
  readonly numPartitions?: number;
  readonly replicationFactor?: number;
  readonly assignments?: readonly { partitionIndex: number; brokerIds: readonly number[] }[];
  readonly configs?: readonly { name: string; value: string | null }[];
}

export const oddTopics: OddCases = {
  "Metadata: topics twice and wrong": async (world) => {
    const { name, id } = await world.topic();
    const answers = [];
    for (const topics of [
      [askedTopic(name), askedTopic(name)],
      [askedTopic(null, id), askedTopic(null, id)],
      [askedTopic(null, noId), askedTopic(null, noId)],
      [askedTopic(name), askedTopic(null, id)],
      [askedTopic(name, id)],
      [askedTopic(name, noId)],
      [],
    ]) {
      const asked = { ...metadataRequest(topics), allowAutoTopicCreation: false };
      const answer = await world.connection.send(metadata, 12, asked);
      answers.push({ errorCode: answer.errorCode, topics: answer.topics });
    }
    return world.told(answers);
  },
  "CreateTopics: names": async (world) => {
    const answers = [];
    for (const name of wrongNames) answers.push(await created(world, [{ name }]));
    const { name } = await world.topic();
    const fresh = world.group();
    const dotted = fresh.replaceAll("-", ".");
    const underscored = fresh.replaceAll("-", "_");
    world.call(dotted, "dotted");
    world.call(underscored, "underscored");
    for (const topics of [
      [{ name }],
      [{ name: fresh }, { name: fresh }],
      [{ name: fresh }, { name: fresh }, { name: "a b" }, { name }],
      [{ name: dotted }, { name: underscored }],
      [],
    ])
      answers.push(await created(world, topics));
    return answers;
  },
  "CreateTopics: numbers": async (world) => {
    const answers = [];
    for (const given of [
      { numPartitions: 0 },
      { numPartitions: -1 },
      { numPartitions: -2 },
      { numPartitions: 10_001 },
      { numPartitions: 2 ** 31 - 1 },
      { replicationFactor: 0 },
      { replicationFactor: -1 },
      { replicationFactor: -2 },
      { replicationFactor: 2 },
      { replicationFactor: 2 ** 15 - 1 },
    ])
      answers.push(await created(world, [{ name: world.group(), ...given }]));
    const half = { numPartitions: 5_001 };
    answers.push(
      await created(world, [
        { name: world.group(), ...half },
        { name: world.group(), ...half },
      ]),
    );
    return answers;
  },
  "CreateTopics: assignments": async (world) => {
    const own = { numPartitions: -1, replicationFactor: -1 };
    const place = (partitionIndex: number, ...brokerIds: number[]) => ({
      partitionIndex,
      brokerIds,
    });
    const answers = [];
    for (const assignments of [
      [place(0, 1)],
      [place(1, 1)],
      [place(0, 1), place(0, 1)],
      [place(0, 1), place(2, 1)],
      [place(-1, 1)],
      [place(0)],
      [place(0, 1, 1)],
      [place(0, 9)],
      [place(0, -1)],
      [place(0, 1), place(1)],
    ])
      answers.push(await created(world, [{ name: world.group(), ...own, assignments }]));
    const assignments = [place(0, 1)];
    for (const numbers of [
      { numPartitions: 1, replicationFactor: -1 },
      { numPartitions: -1, replicationFactor: 1 },
      { numPartitions: 1, replicationFactor: 1 },
    ])
      answers.push(await created(world, [{ name: world.group(), ...numbers, assignments }]));
    return answers;
  },
  "CreateTopics: configs": async (world) => {
    const answers = [];
    for (const configs of [
      [{ name: "retention.ms", value: null }],
      [{ name: "retention.ms", value: "" }],
      [{ name: "retention.ms", value: "-2" }],
      [{ name: "", value: "1" }],
      [{ name: "nothing", value: "1" }],
      [
        { name: "retention.ms", value: "1" },
        { name: "retention.ms", value: "2" },
      ],
      [
        { name: "retention.ms", value: "1" },
        { name: "retention.ms", value: "nothing" },
      ],
      [{ name: "min.insync.replicas", value: "0" }],
      [{ name: "compression.type", value: "nothing" }],
    ])
      answers.push(await created(world, [{ name: world.group(), configs }]));
    return answers;
  },
  "DeleteTopics: twice and wrong": async (world) => {
    const [a, b] = [await world.topic(), await world.topic()];
    const asked = (name: string | null, topicId: string = zeroUuid) => ({ name, topicId });
    const answers = [];
    for (const topics of [
      [asked(a.name, a.id)],
      [asked(null)],
      [asked(null, noId)],
      [asked(null, noId), asked(null, noId)],
      wrongNames.slice(0, 5).map((name) => asked(name)),
      [asked("not-there"), asked("not-there")],
      [asked(a.name), asked(a.name)],
      [asked(a.name), asked(null, a.id)],
      [asked(null, a.id), asked(null, a.id)],
      [],
    ])
      answers.push(await world.ask(deleteTopics, 6, { topics, topicNames: [], timeoutMs: 5_000 }));
    const topicNames = [b.name, b.name, "not-there"];
    answers.push(await world.ask(deleteTopics, 5, { topics: [], topicNames, timeoutMs: 5_000 }));
    return answers;
  },
  "CreatePartitions: odd counts, twice and wrong": async (world) => {
    const [{ name }, other] = [await world.topic(), await world.topic()];
    const to = (
      count: number,
      each = name,
      assignments: { brokerIds: number[] }[] | null = null,
    ) => ({
      name: each,
      count,
      assignments,
    });
    const answers = [];
    for (const topics of [
      [to(0)],
      [to(-1)],
      [to(1)],
      [to(2)],
      [to(3), to(3)],
      [to(3), to(4)],
      [to(5_001), to(5_001, other.name)],
      wrongNames.slice(0, 5).map((each) => to(3, each)),
      [to(10_003)],
      [to(10_000)],
      [to(2 ** 31 - 1)],
      [to(3, name, [])],
      [to(3, name, [{ brokerIds: [] }])],
      [to(3, name, [{ brokerIds: [9] }])],
      [to(3, name, [{ brokerIds: [1, 1] }])],
      [to(3, name, [{ brokerIds: [1] }, { brokerIds: [1] }])],
      [to(4, name, [{ brokerIds: [1] }])],
      [],
    ]) {
      const asked = { topics, timeoutMs: 5_000, validateOnly: true };
      answers.push(await world.ask(createPartitions, 3, asked));
    }
    return answers;
  },
  "DescribeTopicPartitions: odd topics and cursors": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const given of [
      { topics: [{ name }, { name }] },
      { topics: [{ name: "not-there" }] },
      { topics: [{ name: "a b" }] },
      { topics: [{ name: "a b" }, { name: "not-there" }] },
      { topics: [{ name }], responsePartitionLimit: 0 },
      { topics: [{ name }], responsePartitionLimit: -1 },
      { topics: [{ name }], responsePartitionLimit: 1 },
      { topics: [{ name }], cursor: { topicName: name, partitionIndex: -1 } },
      { topics: [{ name }], cursor: { topicName: name, partitionIndex: 7 } },
      { topics: [{ name }], cursor: { topicName: "zzz", partitionIndex: 0 } },
      { topics: [{ name }], cursor: { topicName: "", partitionIndex: 0 } },
      { topics: [{ name }], cursor: { topicName: name, partitionIndex: 1 } },
    ])
      answers.push(await world.ask(describeTopicPartitions, 0, given));
    return answers;
  },
};

function creating(topics: readonly Creating[], validateOnly = true) {
  return {
    topics: topics.map((topic) => ({
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
      ...topic,
    })),
    timeoutMs: 5_000,
    validateOnly,
  };
}

/** Code by code: what a topic would get is told elsewhere. */
async function created(world: OddWorld, topics: readonly Creating[], validateOnly = true) {
  const answer = await world.connection.send(createTopics, 7, creating(topics, validateOnly));
  return world.told({
    topics: answer.topics.map(({ name, errorCode, numPartitions, replicationFactor, configs }) => ({
      name,
      errorCode,
      numPartitions,
      replicationFactor,
      configs: configs?.length === 0 || configs === null ? configs : "some",
    })),
  });
}
