/**
 * The two brokers of the Kafka benches, kedge and Apache Kafka, each a process of its own, and how a topic is made on them.
 *
 * - Apache Kafka runs as `test/peers/kafka.sh` starts it: one combined node, 1 GiB of heap, the distribution's settings.
 * - Kafka acknowledges from the page cache; a topic with `flush.messages=1` makes it sync each append, which is what kedge
 *   does. Both are measured, on the same broker.
 */
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { kafkaMissing, startKafka as startPeer } from "../peers/kafka.ts";
import { freePort, scratchDirectory, type Server, startServer, waitForPort } from "./server.ts";
import { root } from "./subjects.ts";

export interface KafkaSubject {
  readonly name: "kedge" | "kedge, relaxed" | "kafka" | "kafka, synced" | "bun from memory";
  readonly broker: Broker;
  readonly topicConfigs: Readonly<Record<string, string>>;
}

export interface Broker {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startKedge(directory?: string): Promise<StubbedBroker> {
  const port = await freePort();
  const [listenerPort, stubPort] = [port + 1, port + 2];
  const server: Server = await startServer(
    "kedge-kafka",
    (http, data) => [
      process.execPath,
      join(root, "src/main.ts"),
      "serve",
      "--data",
      data,
      "--http",
      `127.0.0.1:${http}`,
      "--kafka",
      `127.0.0.1:${port}`,
      "--kafka",
      `STUB://127.0.0.1:${listenerPort}`,
      "--kafka-advertised",
      `STUB://127.0.0.1:${stubPort}`,
      "--group-initial-rebalance-delay-ms",
      "0",
    ],
    directory === undefined ? {} : { directory },
  );
  const stop = async () => void (await server.stop());
  return { pid: server.pid, port, httpPort: server.port, listenerPort, stubPort, stop };
}

/** kedge, and a second listener of it at which clients are told to come to `stubPort`. */
export interface StubbedBroker extends Broker {
  readonly httpPort: number;
  readonly listenerPort: number;
  readonly stubPort: number;
}

/** Answers Fetch of one topic that this node has from memory (`kafka-stub.ts`). */
export async function startStub(node: StubbedBroker, topic: string, partitions: number) {
  const { stubPort, listenerPort, httpPort } = node;
  const words = [stubPort, listenerPort, httpPort, topic, partitions].map(String);
  const child = Bun.spawn([process.execPath, join(root, "test/bench/kafka-stub.ts"), ...words], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  await waitForPort(stubPort, child);
  const broker: Broker = {
    pid: child.pid,
    port: stubPort,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
  return broker;
}

export async function startKafka(): Promise<Broker> {
  const kafka = await startPeer({ heap: null, directory: await scratchDirectory("kafka") });
  return { pid: await kafka.pid(), port: kafka.port, stop: () => kafka.close() };
}

/** Starts both, hands over the three subjects, and stops both whatever happens. */
export async function withBrokers<T>(
  use: (subjects: readonly KafkaSubject[], node: StubbedBroker) => Promise<T>,
): Promise<T> {
  const missing = kafkaMissing();
  if (missing !== null)
    throw new Error(`Apache Kafka was left out, so there is no ratio: ${missing}`);
  const started: Broker[] = [];
  try {
    const kedge = await startKedge();
    started.push(kedge);
    const kafka = await startKafka();
    started.push(kafka);
    const subjects: KafkaSubject[] = [
      { name: "kedge", broker: kedge, topicConfigs: {} },
      { name: "kafka", broker: kafka, topicConfigs: {} },
      { name: "kafka, synced", broker: kafka, topicConfigs: { "flush.messages": "1" } },
    ];
    return await use(subjects, kedge);
  } finally {
    await Promise.all(started.map((broker) => broker.stop()));
  }
}

const REQUEST_MS = 60_000;

export function clientOf({ broker }: KafkaSubject): Kafka {
  return new Kafka({
    clientId: "bench",
    brokers: [`127.0.0.1:${broker.port}`],
    logLevel: logLevel.ERROR,
    // The machine is busy with what is being measured.
    requestTimeout: REQUEST_MS,
  });
}

/** Makes an empty topic and waits until the broker leads it. */
export async function createTopic(
  subject: KafkaSubject,
  topic: string,
  partitions: number,
): Promise<void> {
  const admin = clientOf(subject).admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(subject.topicConfigs).map(([name, value]) => ({
      name,
      value,
    }));
    await admin.createTopics({
      waitForLeaders: true,
      timeout: REQUEST_MS,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
    });
  } finally {
    await admin.disconnect();
  }
}

/** Deletes a topic whose figures are taken, so that the disk does not fill. */
export async function deleteTopic(subject: KafkaSubject, topic: string): Promise<void> {
  const admin = clientOf(subject).admin();
  await admin.connect();
  try {
    await admin.deleteTopics({ topics: [topic] });
  } finally {
    await admin.disconnect();
  }
}
