/**
 * Odd questions of administration: what is there, page by page, filter by filter (`kafka-odd.ts`).
 */
import { metadata } from "../../src/kafka/apis/03-metadata.ts";
import { listGroups } from "../../src/kafka/apis/16-list-groups.ts";
import { describeLogDirs } from "../../src/kafka/apis/35-describe-log-dirs.ts";
import { describeCluster } from "../../src/kafka/apis/60-describe-cluster.ts";
import { listConfigResources } from "../../src/kafka/apis/74-list-config-resources.ts";
import { describeTopicPartitions } from "../../src/kafka/apis/75-describe-topic-partitions.ts";
import { apiVersions } from "../../src/kafka/apis/18-api-versions.ts";
import { stable } from "./kafka-members.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";
import { askedTopic, metadataRequest, noId } from "./kafka-records.ts";

const longName = "x".repeat(250);

export const oddLookups: OddCases = {
  "Metadata: neither name nor id": async (world) => {
    const { name, id } = await world.topic();
    const answers = [];
    for (const topics of [
      [askedTopic(null)],
      [askedTopic(null), askedTopic(name)],
      [askedTopic(name), askedTopic(null)],
      [askedTopic(null), askedTopic(null, id)],
      [askedTopic(null, id), askedTopic(null)],
      [askedTopic(null), askedTopic(null)],
      [askedTopic(""), askedTopic(name)],
      [askedTopic("a b"), askedTopic(".."), askedTopic(longName)],
      [askedTopic("not-there", noId), askedTopic(name)],
    ])
      for (const allowAutoTopicCreation of [true, false]) {
        const asked = { ...metadataRequest(topics), allowAutoTopicCreation };
        const answer = await world.connection.send(metadata, 13, asked);
        answers.push({ errorCode: answer.errorCode, topics: answer.topics });
      }
    return world.told(answers);
  },
  "Metadata: before there were ids": async (world) => {
    const { name, id } = await world.topic();
    const answers = [];
    for (const version of [10, 11])
      for (const topics of [
        [askedTopic(name, id)],
        [askedTopic(null, id)],
        [askedTopic(null)],
        [askedTopic("not-there", noId)],
        [askedTopic("")],
      ]) {
        const asked = { ...metadataRequest(topics), allowAutoTopicCreation: false };
        if (version === 10 && topics.some((topic) => topic.name === null)) continue;
        const answer = await world.connection.send(metadata, version, asked);
        answers.push({ errorCode: answer.errorCode, topics: answer.topics });
      }
    return world.told(answers);
  },
  "DescribeLogDirs: odd places": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const topics of [
      [],
      [{ topic: name, partitions: [] }],
      [{ topic: name, partitions: [0, 0] }],
      [
        { topic: name, partitions: [0] },
        { topic: name, partitions: [1] },
      ],
      [{ topic: name, partitions: [7, -1] }],
      ["", "a b", "not-there"].map((topic) => ({ topic, partitions: [0] })),
    ])
      for (const version of [1, 4]) {
        const { errorCode, results } = await world.connection.send(describeLogDirs, version, {
          topics,
        });
        const told = results.map((each) => ({ errorCode: each.errorCode, topics: each.topics }));
        answers.push({ errorCode, told });
      }
    return world.told(answers);
  },
  "DescribeCluster: odd endpoints": async (world) => {
    const answers = [];
    for (const endpointType of [0, 1, 2, 3, -1, 127])
      for (const includeFencedBrokers of [true, false]) {
        const {
          errorCode,
          endpointType: told,
          brokers,
          controllerId,
        } = await world.connection.send(describeCluster, 2, {
          includeClusterAuthorizedOperations: false,
          endpointType,
          includeFencedBrokers,
        });
        answers.push({
          errorCode,
          told,
          controllerId,
          brokers: brokers.map(({ brokerId, isFenced, rack }) => ({ brokerId, isFenced, rack })),
        });
      }
    return answers;
  },
  "ListGroups: filters in odd cases": async (world) => {
    const { group } = await stable(world.connection);
    world.call(group, "group");
    const answers = [];
    for (const [statesFilter, typesFilter] of [
      [["Stable"], []],
      [["stable"], []],
      [["STABLE", "nothing"], []],
      [["Stable", "Stable"], []],
      [[" Stable"], []],
      [["PreparingRebalance"], []],
      [["preparing_rebalance"], []],
      [["Unknown"], []],
      [[], ["classic"]],
      [[], ["Classic"]],
      [[], ["CLASSIC", "nothing"]],
      [[], ["unknown"]],
      [[], ["consumer"]],
      [["Stable"], ["consumer"]],
      [["Empty"], ["classic"]],
    ] as const) {
      const answer = await world.connection.send(listGroups, 5, { statesFilter, typesFilter });
      const groups = answer.groups.filter(({ groupId }) => groupId === group);
      answers.push({ errorCode: answer.errorCode, groups });
    }
    return world.told(answers);
  },
  "ListConfigResources: odd types": async (world) => {
    const answers = [];
    for (const resourceTypes of [[0], [1], [3], [64], [-1], [127], [2, 0], [4, 4], [4], [8]]) {
      const { errorCode, configResources } = await world.connection.send(listConfigResources, 1, {
        resourceTypes,
      });
      const told = configResources.filter(({ resourceType }) => resourceType !== 2);
      answers.push({ resourceTypes, errorCode, told });
    }
    const all = await world.connection.send(listConfigResources, 1, { resourceTypes: [] });
    const kinds = new Set(all.configResources.map(({ resourceType }) => resourceType));
    answers.push({
      errorCode: all.errorCode,
      kinds: [...kinds].filter((kind) => kind < 16).toSorted((a, b) => a - b),
    });
    return world.told(answers);
  },
  "DescribeTopicPartitions: page by page": async (world) => {
    const [a, b] = await twoTopics(world);
    const answers = [];
    for (const responsePartitionLimit of [1, 3, 2 ** 31 - 1])
      for (const cursor of [
        null,
        { topicName: a, partitionIndex: 1 },
        { topicName: a, partitionIndex: 2 },
        { topicName: a, partitionIndex: -1 },
        { topicName: b, partitionIndex: 1 },
        { topicName: b, partitionIndex: 2 },
        { topicName: `${a}a`, partitionIndex: 1 },
      ])
        for (const topics of [
          [{ name: a }, { name: b }],
          [{ name: b }, { name: a }],
          [{ name: a }, { name: "not-there" }, { name: b }],
        ])
          answers.push(
            await world.ask(describeTopicPartitions, 0, { topics, responsePartitionLimit, cursor }),
          );
    return answers;
  },
  "DescribeTopicPartitions: cursors and names of no topic": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const given of [
      { topics: [{ name: "" }] },
      { topics: [{ name: ".." }] },
      { topics: [{ name: longName }] },
      { topics: [{ name: "" }, { name }] },
      { topics: [{ name: "not-there" }, { name: "not-there" }] },
      { topics: [{ name: "not-there" }], cursor: { topicName: "not-there", partitionIndex: 0 } },
      { topics: [{ name: "not-there" }], cursor: { topicName: "not-there", partitionIndex: 3 } },
      { topics: [{ name }], cursor: { topicName: "not-there", partitionIndex: 0 } },
      { topics: [], cursor: { topicName: "~", partitionIndex: 0 } },
    ])
      answers.push(await world.ask(describeTopicPartitions, 0, given));
    return answers;
  },
  "ApiVersions: odd clients": async (world) => {
    const answers = [];
    for (const [clientSoftwareName, clientSoftwareVersion] of [
      ["", ""],
      ["a", ""],
      ["", "1"],
      ["a b", "1"],
      ["a", "1 2"],
      ["-a", "1"],
      ["a-", "1"],
      ["a.b", "1.0-x"],
      ["é", "1"],
      ["x".repeat(300), "1"],
    ]) {
      const asked = {
        clientSoftwareName: clientSoftwareName ?? "",
        clientSoftwareVersion: clientSoftwareVersion ?? "",
      };
      const { errorCode, apiKeys } = await world.connection.send(apiVersions, 3, asked);
      answers.push({ asked, errorCode, some: apiKeys.length > 0 });
    }
    return answers;
  },
};

/** The names of two topics, in the order of the alphabet. */
async function twoTopics(world: OddWorld): Promise<[string, string]> {
  const { name } = await world.topic();
  const { name: other } = await world.topic();
  return name < other ? [name, other] : [other, name];
}
