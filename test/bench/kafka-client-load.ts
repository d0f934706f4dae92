/**
 * One job of a JavaScript Kafka client, in a process of its own: `CLIENT WORK PORT TOPIC RECORDS`; prints JSON with the
 * seconds it took, and for single records the percentiles of their acknowledgement.
 */
import { Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { Kafka, logLevel } from "kafkajs";

const [client = "", work = "", port = "", topic = "", count = ""] = process.argv.slice(2);
const records = Number(count);
const brokers = [`127.0.0.1:${port}`];
const value = "x".repeat(1024);
const batchRecords = 1000;

interface Door {
  send(values: number): Promise<unknown>;
  /** Resolves once `records` were received. */
  consume(): Promise<void>;
  close(): Promise<unknown>;
}

async function kafkajsDoor(): Promise<Door> {
  const kafka = new Kafka({ clientId: "bench", brokers, logLevel: logLevel.ERROR });
  const producer = kafka.producer();
  await producer.connect();
  return {
    send: (values) =>
      producer.send({
        topic,
        acks: -1,
        messages: Array.from({ length: values }, () => ({ value })),
      }),
    async consume() {
      const consumer = kafka.consumer({ groupId: `${topic}-group` });
      const { promise, resolve } = Promise.withResolvers<void>();
      let received = 0;
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch }) => {
          received += batch.messages.length;
          if (received >= records) resolve();
        },
      });
      await promise;
      await consumer.disconnect();
    },
    close: () => producer.disconnect(),
  };
}

function platformaticDoor(): Door {
  const options = { clientId: "bench", bootstrapBrokers: brokers };
  const producer = new Producer({ ...options, serializers: stringSerializers });
  return {
    send: (values) =>
      producer.send({
        acks: -1,
        messages: Array.from({ length: values }, () => ({ topic, value })),
      }),
    async consume() {
      const consumer = new Consumer({
        ...options,
        groupId: `${topic}-group`,
        deserializers: stringDeserializers,
      });
      const stream = await consumer.consume({ topics: [topic], mode: "earliest" });
      let received = 0;
      for await (const _ of stream) {
        received += 1;
        if (received >= records) break;
      }
      await consumer.close(true);
    },
    close: () => producer.close(),
  };
}

const door = client === "kafkajs" ? await kafkajsDoor() : platformaticDoor();
const latencies: number[] = [];
let seconds: number;
if (work === "consume") {
  for (let sent = 0; sent < records; sent += batchRecords) await door.send(batchRecords);
  const started = performance.now();
  await door.consume();
  seconds = (performance.now() - started) / 1000;
} else {
  const each = work === "single, acks=all" ? 1 : batchRecords;
  await door.send(each);
  const started = performance.now();
  for (let sent = 0; sent < records; sent += each) {
    const before = performance.now();
    await door.send(each);
    latencies.push(performance.now() - before);
  }
  seconds = (performance.now() - started) / 1000;
}
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? null;
console.log(JSON.stringify({ seconds, p50Ms: at(0.5), p99Ms: at(0.99) }));
await door.close();
process.exit(0);
