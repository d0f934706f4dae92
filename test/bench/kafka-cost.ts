/**
 * What a broker costs to have: memory idle and after a load by the Kafka door, and the time to its first acknowledged
 * produce, beside Apache Kafka.
 */
import { kafkaMissing } from "../peers/kafka.ts";
import { type Bench, type Context, type Figure, figure, type Run } from "./harness.ts";
import { producePerformance } from "./java-tools.ts";
import {
  type Broker,
  clientOf,
  createTopic,
  type KafkaSubject,
  startKafka,
  startKedge,
} from "./kafka-servers.ts";
import { memoryMb } from "./proc.ts";

const idleMs = 3000;
const entrants = [
  { name: "kedge", start: () => startKedge() },
  { name: "kafka", start: startKafka },
] as const;

export const kafkaCost: Bench = {
  name: "kafka-cost",
  about:
    "resident memory in MB three seconds after the start and after 1 KiB records by the Java producer; ms from spawning an empty broker to its first acknowledged produce by kafkajs",
  goals: [
    { case: "memory idle", subject: "kedge", beside: null, most: 100 },
    { case: "memory after the load", subject: "kedge", beside: null, most: 250 },
  ],
  run: async (context) => {
    const missing = kafkaMissing();
    if (missing !== null) throw new Error(missing);
    const figures: Figure[] = [];
    for (const { name, start } of entrants) {
      const started = performance.now();
      const broker = await start();
      try {
        const subject: KafkaSubject = { name, broker, topicConfigs: {} };
        await produceOne(subject);
        const ms = performance.now() - started;
        figures.push(figure("start to first acknowledged produce", name, "ms", [plain(ms)]));
        figures.push(...(await memoryFigures(context, subject, broker)));
      } finally {
        await broker.stop();
      }
      context.say(`${name} done`);
    }
    return figures;
  },
};

async function memoryFigures(
  context: Context,
  subject: KafkaSubject,
  broker: Broker,
): Promise<Figure[]> {
  await Bun.sleep(idleMs);
  const idle = memoryMb(broker.pid);
  await createTopic(subject, "load", 6);
  await producePerformance({
    port: broker.port,
    topic: "load",
    records: context.scale.loadMb * 1000,
    recordBytes: 1024,
    properties: { acks: "all" },
  });
  await Bun.sleep(idleMs);
  const after = memoryMb(broker.pid);
  return [
    figure("memory idle", subject.name, "MB", [{ value: idle.now, more: { peakMb: idle.peak } }]),
    figure("memory after the load", subject.name, "MB", [
      { value: after.now, more: { peakMb: after.peak } },
    ]),
  ];
}

async function produceOne(subject: KafkaSubject): Promise<void> {
  const producer = clientOf(subject).producer();
  await producer.connect();
  await producer.send({ topic: "first", acks: -1, messages: [{ value: "x" }] });
  await producer.disconnect();
}

function plain(value: number): Run {
  return { value, more: {} };
}
