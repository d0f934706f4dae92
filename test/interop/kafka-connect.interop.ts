/**
 * Kafka Connect, unmodified, as a distributed worker: a file source (exactly once) and a file sink, the worker killed in
 * between; and MirrorMaker from one broker to another. Against Apache Kafka first, then against kedge.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { freePort } from "../bench/server.ts";
import { classPath, kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, startKedge, tellLogs } from "./kafka-broker.ts";

const missing = kafkaMissing();
const skipped = missing !== null;
if (skipped) console.error(`Kafka Connect is left out: ${missing}`);
const directory = mkdtempSync(join(tmpdir(), "kedge-connect-"));
mkdirSync(join(directory, "plugins"));
const pauseMs = 100;
const tests = 2;
const linesARound = 200;

function properties(name: string, settings: Readonly<Record<string, string | number>>): string {
  const path = join(directory, name);
  const lines = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  writeFileSync(path, lines.join("\n"));
  return path;
}

function startJava(mainClass: string, config: string) {
  return Bun.spawn(["java", "-Xmx384m", "-cp", classPath, mainClass, config], {
    stdin: "ignore",
    stdout: Bun.file(`${config}.out`),
    stderr: Bun.file(`${config}.err`),
  });
}

/** Asks the worker until it answers as wanted: it refuses while it rebalances. Bounded by the test's own time. */
async function ask(
  url: string,
  wanted: (body: string) => boolean,
  init?: RequestInit,
): Promise<void> {
  for (;;) {
    const answer = await fetch(url, init).catch(() => null);
    if (answer?.ok && wanted(await answer.text())) return;
    await Bun.sleep(pauseMs);
  }
}

function connector(url: string, name: string, config: Readonly<Record<string, string>>) {
  const headers = { "content-type": "application/json" };
  const init = { method: "PUT", headers, body: JSON.stringify(config) };
  return ask(`${url}/connectors/${name}/config`, () => true, init);
}

async function linesOf(path: string, count: number): Promise<string[]> {
  for (;;) {
    const text = (await Bun.file(path).exists()) ? readFileSync(path, "utf8") : "";
    // What stands behind the last line's end is half a line.
    const lines = text.split("\n").slice(0, -1);
    if (new Set(lines).size >= count) return lines;
    await Bun.sleep(pauseMs);
  }
}

/** The values of a topic as a read_committed reader sees them, once there are enough different ones. */
async function values(broker: InteropBroker, topic: string, count: number): Promise<string[]> {
  const retry = { retries: 30, initialRetryTime: 100, maxRetryTime: 1000 };
  const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry });
  const consumer = kafka.consumer({ groupId: `reader-of-${topic}`, readUncommitted: false });
  const seen: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen.push(message.value?.toString() ?? "");
      if (new Set(seen).size === count) resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return seen;
}

function workerConfig(broker: InteropBroker, port: number): string {
  return properties(`worker-${port}.properties`, {
    "bootstrap.servers": broker.bootstrap,
    "group.id": "connect",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "config.storage.topic": "connect-configs",
    "config.storage.replication.factor": 1,
    "offset.storage.topic": "connect-offsets",
    "offset.storage.replication.factor": 1,
    "offset.storage.partitions": 5,
    "status.storage.topic": "connect-status",
    "status.storage.replication.factor": 1,
    "offset.flush.interval.ms": 500,
    "exactly.once.source.support": "enabled",
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
    "scheduled.rebalance.max.delay.ms": 0,
    // An empty folder: the connectors are on the class path, and a scan of every jar takes a minute.
    "plugin.path": join(directory, "plugins"),
    "plugin.discovery": "service_load",
    listeners: `http://127.0.0.1:${port}`,
  });
}

const makers = process.env["KEDGE_ONLY"] ? [startKedge] : [startApacheKafka, startKedge];
for (const start of makers) {
  const name = start === startKedge ? "kedge" : "Apache Kafka";
  describe.skipIf(skipped)(name, () => {
    let broker: InteropBroker;
    let ended = 0;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(async () => {
      if (ended < tests) await tellLogs(directory);
      await broker?.stop();
    });

    test("a file through a topic into a file, exactly once into the topic, under a kill", async () => {
      const port = await freePort();
      const url = `http://127.0.0.1:${port}`;
      const [source, sink] = [
        join(directory, `${port}-in.txt`),
        join(directory, `${port}-out.txt`),
      ];
      const config = workerConfig(broker, port);
      const main = "org.apache.kafka.connect.cli.ConnectDistributed";
      let worker = startJava(main, config);
      const write = (round: number): void =>
        appendFileSync(
          source,
          Array.from({ length: linesARound }, (_, index) => `${round}/${index}\n`).join(""),
        );
      write(0);
      const stream = "org.apache.kafka.connect.file.FileStream";
      const shared = { "tasks.max": "1", file: source };
      const sourceConfig = {
        ...shared,
        "connector.class": `${stream}SourceConnector`,
        topic: "lines",
      };
      await connector(url, "source", sourceConfig);
      const sinkConfig = {
        "connector.class": `${stream}SinkConnector`,
        topics: "lines",
        file: sink,
      };
      await connector(url, "sink", { ...shared, ...sinkConfig });
      await linesOf(sink, linesARound);
      write(1);
      worker.kill("SIGKILL");
      await worker.exited;
      write(2);
      worker = startJava(main, config);
      const wanted = [0, 1, 2].flatMap((round) =>
        Array.from({ length: linesARound }, (_, index) => `${round}/${index}`),
      );
      const written = await linesOf(sink, wanted.length);
      expect([...new Set(written)]).toEqual(wanted);
      expect(await values(broker, "lines", wanted.length)).toEqual(wanted);
      await ask(`${url}/connectors/source/status`, (body) => body.includes('"state":"RUNNING"'));
      worker.kill("SIGTERM");
      await worker.exited;
      ended += 1;
    });

    test("MirrorMaker copies topics to another broker", async () => {
      const other = await startKedge();
      const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING });
      const producer = kafka.producer();
      await producer.connect();
      const messages = Array.from({ length: 100 }, (_, index) => ({ value: `mirrored ${index}` }));
      await producer.send({ topic: "mirrored", messages });
      await producer.disconnect();
      const config = properties("mirror.properties", {
        clusters: "a, b",
        "a.bootstrap.servers": broker.bootstrap,
        "b.bootstrap.servers": other.bootstrap,
        "a->b.enabled": "true",
        "a->b.topics": "mirrored",
        "replication.factor": 1,
        "checkpoints.topic.replication.factor": 1,
        "heartbeats.topic.replication.factor": 1,
        "offset-syncs.topic.replication.factor": 1,
        "offset.storage.replication.factor": 1,
        "status.storage.replication.factor": 1,
        "config.storage.replication.factor": 1,
        "refresh.topics.interval.seconds": 1,
      });
      const mirror = startJava("org.apache.kafka.connect.mirror.MirrorMaker", config);
      const copied = await values(other, "a.mirrored", messages.length);
      expect(copied).toEqual(messages.map(({ value }) => value));
      mirror.kill("SIGTERM");
      await mirror.exited;
      await other.stop();
      ended += 1;
    });
  });
}

afterAll(() => rmSync(directory, { recursive: true, force: true }));
