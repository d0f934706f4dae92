/**
 * Odd requests that are wrong in more than one way: which of the errors is told (`kafka-odd.ts`).
 */
import { fetch } from "../../src/kafka/apis/01-fetch.ts";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { OddCases } from "./kafka-odd.ts";
import { batchOf, fetchRequest, produceTo } from "./kafka-records.ts";

const wrongNumbers = [
  { numPartitions: 0 },
  { replicationFactor: 0 },
  { replicationFactor: 3 },
  { numPartitions: 0, replicationFactor: 0 },
  { numPartitions: 0, replicationFactor: 3 },
  { assignments: [{ partitionIndex: 0, brokerIds: [1] }] },
  {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 1, brokerIds: [1] }],
  },
  {
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [7] }],
  },
  {},
];

export const oddFirst: OddCases = {
  "CreateTopics: of several errors": async (world) => {
    const { name: known } = await world.topic();
    const answers = [];
    for (const name of ["a b", known, world.group()])
      for (const configs of [
        [],
        [{ name: "cleanup.policy", value: "nothing" }],
        [{ name: "not.there", value: "1" }],
        [{ name: "retention.ms", value: null }],
      ])
        for (const numbers of wrongNumbers) {
          const topic = { numPartitions: 1, replicationFactor: 1, assignments: [], ...numbers };
          const asked = { topics: [{ name, configs, ...topic }], timeoutMs: 5_000 };
          const answer = await world.connection.send(createTopics, 7, {
            ...asked,
            validateOnly: true,
          });
          answers.push(answer.topics.map(({ errorCode }) => errorCode));
        }
    return answers;
  },
  "DescribeConfigs: a type that is none beside others": async (world) => {
    const { name } = await world.topic();
    const of = (resourceType: number, resourceName: string) => ({
      resourceType,
      resourceName,
      configurationKeys: ["retention.ms"],
    });
    const answers = [];
    for (const resources of [
      [of(2, name), of(0, "x")],
      [of(2, "a b"), of(127, "x")],
      [of(2, "not-there"), of(2, name), of(32, "group")],
    ]) {
      const { results } = await world.connection.send(describeConfigs, 4, { resources });
      answers.push(
        world.told(
          results
            .map((result) => [result.resourceType, result.resourceName, result.errorCode] as const)
            .toSorted(([one], [other]) => one - other),
        ),
      );
    }
    return answers;
  },
  "Fetch: a new session that forgets what it names": async (world) => {
    const topic = await world.topic();
    await produceTo(world.connection, topic, batchOf(["a"]));
    const first = { ...fetchRequest(topic, 0), sessionEpoch: 0 };
    const forgottenTopicsData = [{ topic: topic.name, topicId: zeroUuid, partitions: [0] }];
    const { sessionId, errorCode } = await world.connection.send(fetch, 12, {
      ...first,
      forgottenTopicsData,
    });
    const next = { ...first, sessionId, sessionEpoch: 1, topics: [], forgottenTopicsData: [] };
    const { responses } = await world.connection.send(fetch, 12, next);
    return world.told([errorCode, responses]);
  },
};
