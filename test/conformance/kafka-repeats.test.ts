/**
 * What a request names again and again is told once: else a request of half a megabyte makes an answer of gigabytes.
 *
 * Left out of the suites that Apache Kafka passes too: it answers as often as it is asked.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Node } from "../../src/node.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import { describeGroups } from "../../src/kafka/apis/15-describe-groups.ts";
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { describeProducers } from "../../src/kafka/apis/61-describe-producers.ts";
import { describeTransactions } from "../../src/kafka/apis/65-describe-transactions.ts";
import { consumerGroupDescribe } from "../../src/kafka/apis/69-consumer-group-describe.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import { newTopic } from "./kafka-records.ts";

let node: Node;
let connection: KafkaConnection;

beforeAll(async () => {
  node = await startInProcess(["--data", ":memory:", ...anyPorts]);
  connection = await connectKafka(kafkaAddress(node));
});

afterAll(async () => {
  connection.close();
  await node.stop();
});

const often = <T>(value: T): T[] => Array.from({ length: 1_000 }, () => value);

test("producers of a partition", async () => {
  const { name } = await newTopic(connection);
  const { topics } = await connection.send(describeProducers, 0, {
    topics: [
      { name, partitionIndexes: often(0) },
      { name, partitionIndexes: [0] },
    ],
  });
  expect(topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
    [0],
  ]);
});

test("settings of a resource", async () => {
  const { name } = await newTopic(connection);
  const resource = { resourceType: 2, resourceName: name, configurationKeys: null };
  const { results } = await connection.send(describeConfigs, 4, { resources: often(resource) });
  expect(results.map(({ resourceName }) => resourceName)).toEqual([name]);
});

test("offsets of a group", async () => {
  const group = { groupId: "group", topics: null };
  const asked = { groupId: "", topics: [], groups: often(group) };
  const { groups } = await connection.send(offsetFetch, 8, asked);
  expect(groups.map(({ groupId }) => groupId)).toEqual(["group"]);
});

test("groups and transactions", async () => {
  const includeAuthorizedOperations = false;
  const classic = { groups: often("group"), includeAuthorizedOperations };
  expect((await connection.send(describeGroups, 5, classic)).groups).toHaveLength(1);
  const consumer = { groupIds: often("group"), includeAuthorizedOperations };
  expect((await connection.send(consumerGroupDescribe, 0, consumer)).groups).toHaveLength(1);
  const { transactionStates } = await connection.send(describeTransactions, 0, {
    transactionalIds: often("id"),
  });
  expect(transactionStates).toHaveLength(1);
});
