/**
 * Producing and consuming with clients as they come: what each writes the others read, keys, headers, times and compression
 * and all; clients of both of Kafka's protocols and one by HTTP share a group; and clients that never read cost bounded memory.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { Kedge } from "../../src/client/client.ts";
import { fetch as fetchApi } from "../../src/kafka/apis/01-fetch.ts";
import { connectKafka } from "../conformance/kafka-connection.ts";
import {
  batchOf,
  fetchPart,
  fetchRequest,
  newTopic,
  produceTo,
  valuesOf,
} from "../conformance/kafka-records.ts";
import { type NodeProcess, startNodeProcess } from "../conformance/node.ts";

let node: NodeProcess;
beforeAll(async () => {
  node = await startNodeProcess();
});
afterAll(() => node.close());

const sent = Array.from({ length: 200 }, (_, at) => `value ${at}`);

interface HttpRecord {
  readonly key: string | null;
  readonly value: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly timestamp: number;
}

interface GroupTold {
  readonly members: readonly {
    readonly assignment: readonly { readonly partitions: readonly number[] }[];
  }[];
}

async function readByHttp(topic: string): Promise<readonly HttpRecord[]> {
  const path = `/v1/topics/${topic}/partitions/0/records?max_records=1000`;
  const { records }: { records: HttpRecord[] } = await (await node.fetch(path)).json();
  return records;
}

test("kafkajs: plain, gzip and without an acknowledgement", async () => {
  const kafka = new Kafka({ brokers: [node.kafka], logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  await producer.connect();
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const topic = `kafkajs-${compression}`;
    const messages = sent.map((value, at) => ({
      key: `key ${at}`,
      value,
      headers: { at: String(at) },
      timestamp: String(1_700_000_000_000 + at),
    }));
    await producer.send({ topic, compression, messages });
    const records = await readByHttp(topic);
    expect(records.map(({ value }) => value)).toEqual(sent);
    expect(records[7]).toMatchObject({ key: "key 7", timestamp: 1_700_000_000_007 });
  }
  await producer.send({ topic: "kafkajs-quiet", acks: 0, messages: [{ value: "quiet" }] });
  const connection = await connectKafka(node.kafka);
  const quiet = { name: "kafkajs-quiet", id: "" };
  const part = await fetchPart(connection, quiet, 0, { maxWaitMs: 5_000 });
  expect(valuesOf(part.records)).toEqual(["quiet"]);
  connection.close();
  await producer.disconnect();
});

test("@platformatic/kafka: what it writes is read by HTTP, in order", async () => {
  const producer = new Producer({
    clientId: "interop",
    bootstrapBrokers: [node.kafka],
    serializers: stringSerializers,
    autocreateTopics: true,
  });
  const topic = "platformatic";
  await producer.send({ acks: -1, messages: sent.map((value) => ({ topic, value })) });
  expect((await readByHttp(topic)).map(({ value }) => value)).toEqual(sent);
  await producer.close();
});

test("what HTTP writes a Kafka client reads", async () => {
  const created = await node.fetch("/v1/topics/by-http/records?create=true&key=k", {
    method: "POST",
    body: "hello",
  });
  expect(created.status).toBe(200);
  const connection = await connectKafka(node.kafka);
  const part = await fetchPart(connection, { name: "by-http", id: "" }, 0);
  expect(valuesOf(part.records)).toEqual(["hello"]);
  connection.close();
});

test("a group of kafkajs, @platformatic/kafka by KIP-848 and a client by HTTP reads each record once", async () => {
  const [topic, group] = ["shared", "shared-group"];
  const partitions = 6;
  const kedge = new Kedge({ url: node.url.origin });
  await kedge.createTopic({ name: topic, partitions });
  const read: Record<string, string[]> = { http: [], kafkajs: [], platformatic: [] };
  const { promise: whole, resolve } = Promise.withResolvers<void>();
  const note = (who: string, value: string) => {
    read[who]?.push(value);
    if (Object.values(read).flat().length >= sent.length) resolve();
  };

  const leaving = new AbortController();
  const byHttp = (async () => {
    const member = kedge.group(group, { topics: [topic], reset: "earliest" });
    for await (const { value } of member.records({ signal: leaving.signal }))
      note("http", String(value));
  })().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  const platformatic = new Consumer({
    groupId: group,
    clientId: "interop",
    bootstrapBrokers: [node.kafka],
    deserializers: stringDeserializers,
    groupProtocol: "consumer",
  });
  const stream = await platformatic.consume({
    topics: [topic],
    mode: "earliest",
    maxWaitTime: 500,
  });
  stream.on("data", ({ value }) => note("platformatic", value));
  const kafkajs = new Kafka({ brokers: [node.kafka], logLevel: logLevel.ERROR }).consumer({
    groupId: group,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 500,
  });
  await kafkajs.connect();
  await kafkajs.subscribe({ topics: [topic], fromBeginning: true });
  await kafkajs.run({ eachMessage: async ({ message }) => note("kafkajs", String(message.value)) });

  // What is written before the last of them has its share may rightly be read twice.
  for (;;) {
    const { members }: GroupTold = await (await node.fetch(`/v1/groups/${group}`)).json();
    const shares = members.map(({ assignment }) => assignment[0]?.partitions.length ?? 0);
    if (shares.length === 3 && shares.every((share) => share === 2)) break;
    await Bun.sleep(100);
  }
  const written = kedge.topic(topic);
  await Promise.all(sent.map((value) => written.produce({ key: value, value })));
  await whole;
  expect(Object.values(read).flat().toSorted()).toEqual(sent.toSorted());
  for (const values of Object.values(read)) expect(values).not.toBeEmpty();
  leaving.abort();
  await Promise.all([byHttp, platformatic.close(true), kafkajs.disconnect()]);
});

test("clients that never read their answers cost bounded memory, and others are served", async () => {
  const healthy = await connectKafka(node.kafka);
  const topic = await newTopic(healthy);
  const value = "x".repeat(1_000_000);
  for (let at = 0; at < 32; at += 1) await produceTo(healthy, topic, batchOf([value]));
  const residentMiB = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1]) / 1024;
  const beforeMiB = residentMiB();
  const slow = await Promise.all(Array.from({ length: 200 }, () => connectKafka(node.kafka)));
  for (const connection of slow) {
    connection.pause();
    const all = { partitionMaxBytes: 50_000_000, maxBytes: 50_000_000 };
    for (let at = 0; at < 3; at += 1) connection.tell(fetchApi, 12, fetchRequest(topic, 0, all));
  }
  await Bun.sleep(3_000);
  const usedMiB = residentMiB() - beforeMiB;
  console.log(`200 clients that do not read: ${Math.round(usedMiB)} MiB more`);
  // 64 MiB twice, one batch each past that, and what the runtime has not given back.
  expect(usedMiB).toBeLessThan(600);
  const { errorCode } = await produceTo(healthy, topic, batchOf(["served"]));
  expect(errorCode).toBe(0);
  for (const connection of slow) connection.close();
  await Bun.sleep(200);
  const part = await fetchPart(healthy, topic, 32);
  expect(valuesOf(part.records)).toEqual(["served"]);
  healthy.close();
});
