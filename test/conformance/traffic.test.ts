/** `/metrics` of a node in this process tells what went through either of its doors. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { loadConfig } from "../../src/config.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { type Node, startNode } from "../../src/node.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import { batchOf, fetchPart, newTopic, produceTo } from "./kafka-records.ts";

let node: Node;
let kafka: KafkaConnection;

beforeAll(async () => {
  const args = ["--data", ":memory:", "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];
  const { config } = await loadConfig({ args, env: {}, readFile: async () => "" });
  node = await startNode(config, {
    platform: await detectPlatform(),
    logger: silentLogger,
    version: "test",
    onFatal: (error) => {
      throw error;
    },
  });
  kafka = await connectKafka(`127.0.0.1:${node.kafkaPorts.get("PLAINTEXT") ?? 0}`);
});

afterAll(async () => {
  kafka.close();
  await node.stop();
});

const ask = async (path: string, body?: string): Promise<string> => {
  const answer = await fetch(
    `${node.url}${path}`,
    body === undefined ? {} : { method: "POST", body },
  );
  expect(answer.status).toBeLessThan(300);
  return answer.text();
};

/** One topic's counters, by the middle of their names. */
async function counted(topic: string): Promise<Record<string, number>> {
  const text = await ask("/metrics");
  const line = /^kafka_server_brokertopicmetrics_(\w+)_total\{topic="([^"]+)"\} (\d+)$/gm;
  return Object.fromEntries(
    [...text.matchAll(line)]
      .filter(([, , of]) => of === topic)
      .map(([, name = "", , value]) => [name, Number(value)]),
  );
}

test("what Kafka clients produce and fetch is counted with what HTTP's do", async () => {
  const topic = await newTopic(kafka);
  const batch = batchOf(["one", "two"]);
  const size = batch.byteLength;
  for (const acks of [-1, 1]) await produceTo(kafka, topic, batchOf(["one", "two"]), { acks });
  await produceTo(kafka, topic, batchOf(["x"]), { partition: 9 });
  expect((await fetchPart(kafka, topic, 0)).records?.byteLength).toBe(2 * size);
  expect(await counted(topic.name)).toEqual({
    messagesin: 4,
    bytesin: 2 * size,
    bytesout: 2 * size,
    totalproducerequests: 3,
    failedproducerequests: 0,
    totalfetchrequests: 1,
  });
  await ask(`/v1/topics/${topic.name}/records`, "three");
  await ask(`/v1/topics/${topic.name}/partitions/0/records?from=0`);
  const { messagesin, bytesin, bytesout = 0 } = await counted(topic.name);
  expect([messagesin, bytesin]).toEqual([5, 2 * size + 5]);
  expect(bytesout).toBeGreaterThan(4 * size);
});

test("what a group's member polls and a tail follows is counted too", async () => {
  const topic = await newTopic(kafka);
  await produceTo(kafka, topic, batchOf(["one"]));
  const stop = new AbortController();
  const tail = await fetch(`${node.url}/v1/tail?topic=${topic.name}&from=earliest`, {
    signal: stop.signal,
  });
  await tail.body?.getReader().read();
  const followed = await counted(topic.name);
  expect(followed["bytesout"]).toBeGreaterThan(0);
  stop.abort();
  const member = `${node.url}/v1/groups/counted/members/m`;
  const send = async (path: string, method: string, body: object): Promise<unknown> => {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${member}${path}`, { method, headers, body: JSON.stringify(body) });
    const told: unknown = await answer.json();
    expect([answer.status, told]).toEqual([200, told]);
    return told;
  };
  const { member_epoch } = (await send("", "PUT", { topics: [topic.name] })) as {
    member_epoch: number;
  };
  await send("/poll", "POST", { member_epoch, poll_id: "1", wait_ms: 5_000 });
  const { bytesout } = await counted(topic.name);
  expect(bytesout).toBe(2 * (followed["bytesout"] ?? 0));
});
