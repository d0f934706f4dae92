/**
 * Kafka Streams, unmodified: a word count and a windowed join, at least once and exactly once, while the application is
 * killed without asking; against Apache Kafka first, then against kedge, which is killed too.
 *
 * Exactly once is checked on what a read_committed reader sees: each word's last count is the number of its occurrences,
 * counts only ever rise, and each order is joined once.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { classPath, kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, startKedge, tellLogs } from "./kafka-broker.ts";

const missing = kafkaMissing();
const skipped = missing !== null;
if (skipped) console.error(`Kafka Streams is left out: ${missing}`);
const directory = mkdtempSync(join(tmpdir(), "kedge-streams-"));

const tests = 2;
const rounds = 4;
const linesARound = 200;
const vocabulary = ["edge", "log", "leader", "offset", "epoch", "replica", "fence", "watermark"];

interface Application {
  readonly running: Promise<void>;
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
}

function startApplication(broker: InteropBroker, name: string, guarantee: string): Application {
  const program = join(import.meta.dir, "java/WordCount.java");
  const words = [broker.bootstrap, name, join(directory, name), guarantee];
  const child = Bun.spawn(["java", "-Xmx256m", "-cp", classPath, program, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: Bun.file(join(directory, `${name}.log`)),
  });
  return {
    running: new Promise((resolve, reject) => {
      void (async () => {
        for await (const piece of child.stdout)
          if (new TextDecoder().decode(piece).includes("running")) resolve();
        reject(new Error(`the application ended with ${await child.exited}`));
      })();
    }),
    async end(signal) {
      child.kill(signal);
      await child.exited;
    },
  };
}

function clientOf(broker: InteropBroker): Kafka {
  const retry = { retries: 30, initialRetryTime: 100, maxRetryTime: 1000 };
  return new Kafka({
    clientId: "streams-test",
    brokers: [broker.bootstrap],
    logLevel: logLevel.NOTHING,
    retry,
  });
}

interface Out {
  readonly key: string;
  readonly value: Buffer;
}

/** Reads committed records of a topic until `enough` of what came holds; bounded by the test's own time. */
async function readUntil(
  broker: InteropBroker,
  topic: string,
  group: string,
  enough: (records: readonly Out[]) => boolean,
): Promise<Out[]> {
  const consumer = clientOf(broker).consumer({ groupId: group, readUncommitted: false });
  const { promise, resolve } = Promise.withResolvers<void>();
  const records: Out[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message: { key, value } }) => {
      records.push({ key: key?.toString() ?? "", value: value ?? Buffer.alloc(0) });
      if (enough(records)) resolve();
    },
  });
  await promise;
  await consumer.disconnect();
  return records;
}

function newest(records: readonly Out[]): Map<string, number> {
  return new Map(records.map(({ key, value }) => [key, Number(value.readBigInt64BE())]));
}

const makers = process.env["KEDGE_ONLY"] ? [startKedge] : [startApacheKafka, startKedge];
for (const start of makers) {
  const name = start === startKedge ? "kedge" : "Apache Kafka";
  describe.skipIf(skipped)(name, () => {
    let broker: InteropBroker;
    let ended = 0;
    beforeAll(async () => {
      broker = await start();
      const admin = clientOf(broker).admin();
      await admin.connect();
      const topics = ["lines", "orders", "payments", "counts", "joined"];
      await admin.createTopics({
        waitForLeaders: true,
        topics: topics.map((topic) => ({ topic, numPartitions: 2, replicationFactor: 1 })),
      });
      await admin.disconnect();
    });
    afterAll(async () => {
      if (ended < tests) await tellLogs(directory);
      await broker?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    test("a word count and a join, exactly once, under kills", async () => {
      const application = `exactly-once-${name.replaceAll(" ", "-")}`;
      const producer = clientOf(broker).producer({ idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      const truth = new Map<string, number>();
      let orders = 0;
      for (let round = 0; round < rounds; round += 1) {
        const streams = startApplication(broker, application, "exactly_once_v2");
        await streams.running;
        for (let line = 0; line < linesARound; line += 1) {
          const words = [0, 1, 3].map((step) => vocabulary[(line * 3 + step + round) % 8] ?? "");
          for (const word of words) truth.set(word, (truth.get(word) ?? 0) + 1);
          await producer.send({
            topic: "lines",
            messages: [{ key: `${line % 5}`, value: words.join(" ") }],
          });
          if (line % 10 !== 0) continue;
          const key = `order-${orders}`;
          orders += 1;
          await producer.send({ topic: "orders", messages: [{ key, value: key }] });
          await producer.send({ topic: "payments", messages: [{ key, value: "paid" }] });
        }
        // In the middle of its work; the next round's instance must take over from what was committed.
        await streams.end("SIGKILL");
        if (round === 1) await broker.crash();
      }
      await producer.disconnect();
      const last = startApplication(broker, application, "exactly_once_v2");
      await last.running;
      const counted = await readUntil(broker, "counts", "counts-reader", (records) => {
        const now = newest(records);
        return [...truth].every(([word, count]) => (now.get(word) ?? 0) >= count);
      });
      expect(newest(counted)).toEqual(truth);
      const before = new Map<string, number>();
      for (const { key, value } of counted) {
        const count = Number(value.readBigInt64BE());
        expect(count, `${key} goes forward`).toBeGreaterThan(before.get(key) ?? 0);
        before.set(key, count);
      }
      const joined = await readUntil(
        broker,
        "joined",
        "joined-reader",
        (records) => new Set(records.map(({ key }) => key)).size === orders,
      );
      expect(joined.map(({ key }) => key).toSorted()).toEqual(
        Array.from({ length: orders }, (_, index) => `order-${index}`).toSorted(),
      );
      await last.end("SIGTERM");
      ended += 1;
    });

    test("a word count at least once", async () => {
      const application = `at-least-once-${name.replaceAll(" ", "-")}`;
      const streams = startApplication(broker, application, "at_least_once");
      await streams.running;
      const counted = await readUntil(
        broker,
        "counts",
        "second-reader",
        (records) =>
          [...newest(records).values()].reduce((all, count) => all + count, 0) >=
          rounds * linesARound * 3,
      );
      expect(counted.length).toBeGreaterThan(0);
      await streams.end("SIGTERM");
      ended += 1;
    });
  });
}
