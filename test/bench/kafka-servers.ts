/**
 * The two brokers of the Kafka benches, kedge and Apache Kafka, each a process of its own, and how a topic is made on them.
 *
 * - Apache Kafka runs as `test/peers/kafka.sh` starts it: one combined node, 1 GiB of heap, the distribution's settings.
 * - Kafka acknowledges from the page cache; a topic with `flush.messages=1` makes it sync each append, which is what kedge
 *   does. Both are measured, on the same broker.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { freePort, scratchDirectory, type Server, startServer } from "./server.ts";
import { root } from "./subjects.ts";

export interface KafkaSubject {
  readonly name: "kedge" | "kafka" | "kafka, synced";
  readonly broker: Broker;
  readonly topicConfigs: Readonly<Record<string, string>>;
}

export interface Broker {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

const script = join(root, "test/peers/kafka.sh");

/** A tool waits for ever for a broker that has gone. */
const scriptMsMax = 10 * 60_000;

/** Runs the peer's script and gives what it said; throws with that when it fails. */
export async function kafkaScript(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = Bun.spawn(["bash", script, ...words], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: scriptMsMax,
    killSignal: "SIGKILL",
  });
  const [out, said] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) === 0) return out;
  throw new Error(`kafka.sh ${words.join(" ")}: ${(said || out).slice(-1000)}`);
}

/** Why Apache Kafka cannot run here, or null; fetches it the first time. */
export async function kafkaIsMissing(): Promise<string | null> {
  if (!Bun.which("java")) return "java is not on the PATH";
  try {
    const jars = (await kafkaScript(["cp"])).trim();
    const found = [
      ...new Bun.Glob("kafka_2.13-*.jar").scanSync({ cwd: jars.replace(/\/\*$/, "") }),
    ];
    if (found.length === 0) await kafkaScript(["setup"]);
    return null;
  } catch (error) {
    return String(error);
  }
}

export async function startKedge(directory?: string): Promise<Broker> {
  const port = await freePort();
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
      "--group-initial-rebalance-delay-ms",
      "0",
    ],
    directory === undefined ? {} : { directory },
  );
  return { pid: server.pid, port, stop: async () => void (await server.stop()) };
}

export async function startKafka(): Promise<Broker> {
  const directory = await scratchDirectory("kafka");
  const port = await freePort();
  const env = {
    KAFKA_PORT: String(port),
    KAFKA_DATA: join(directory, "data"),
    KAFKA_RUN: join(directory, "run"),
  };
  await kafkaScript(["start"], env);
  const pid = Number(readFileSync(join(env.KAFKA_RUN, "broker-1.pid"), "utf8"));
  return {
    pid,
    port,
    stop: async () => {
      await kafkaScript(["wipe"], env);
      Bun.spawnSync(["rm", "-rf", directory]);
    },
  };
}

/** Starts both, hands over the three subjects, and stops both whatever happens. */
export async function withBrokers<T>(
  use: (subjects: readonly KafkaSubject[]) => Promise<T>,
): Promise<T> {
  const missing = await kafkaIsMissing();
  if (missing !== null)
    throw new Error(`Apache Kafka was left out, so there is no ratio: ${missing}`);
  const started: Broker[] = [];
  try {
    const kedge = await startKedge();
    started.push(kedge);
    const kafka = await startKafka();
    started.push(kafka);
    return await use([
      { name: "kedge", broker: kedge, topicConfigs: {} },
      { name: "kafka", broker: kafka, topicConfigs: {} },
      { name: "kafka, synced", broker: kafka, topicConfigs: { "flush.messages": "1" } },
    ]);
  } finally {
    await Promise.all(started.map((broker) => broker.stop()));
  }
}

export function clientOf({ broker }: KafkaSubject): Kafka {
  return new Kafka({
    clientId: "bench",
    brokers: [`127.0.0.1:${broker.port}`],
    logLevel: logLevel.ERROR,
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
