/**
 * The official Java producer against kedge and Apache Kafka, by turns: throughput, p99 and the broker's CPU a megabyte.
 */
import {
  type Bench,
  type Context,
  type Figure,
  figure,
  interleave,
  type Goal,
  type Run,
} from "./harness.ts";
import { producePerformance } from "./java-tools.ts";
import { createTopic, deleteTopic, type KafkaSubject, withBrokers } from "./kafka-servers.ts";
import { cpuSeconds } from "./proc.ts";

interface Case {
  readonly name: string;
  readonly recordBytes: number;
  readonly partitions: number;
  readonly properties: Readonly<Record<string, string>>;
}

const batches = {
  default: {},
  tuned: { "batch.size": "131072", "linger.ms": "5" },
} as const;

function casesOf(recordBytes: number): Case[] {
  return [1, 6].flatMap((partitions) =>
    (["default", "tuned"] as const).flatMap((batch) =>
      (["all", "1"] as const).map((acks) => ({
        name: `${recordBytes} B, ${partitions} partition${partitions === 1 ? "" : "s"}, ${batch} batches, acks=${acks}`,
        recordBytes,
        partitions,
        // A producer with acks=1 cannot be idempotent.
        properties: { acks, "enable.idempotence": String(acks === "all"), ...batches[batch] },
      })),
    ),
  );
}

function goalsOf({ name, recordBytes, properties }: Case): Goal[] {
  if (recordBytes !== 1024 || properties["acks"] !== "all") return [];
  const subject = "kedge";
  const cpuMost = properties["linger.ms"] === undefined ? 1 : 2;
  return [
    { case: name, subject, beside: "kafka, synced", least: 1 },
    { case: name, subject, beside: "kafka, synced", on: "p99Ms", most: 1 },
    { case: name, subject, beside: "kafka", least: 0.9 },
    { case: name, subject, beside: "kafka", on: "cpuMsPerMb", most: cpuMost },
    // Neither of these two syncs.
    { case: name, subject: "kedge, relaxed", beside: "kafka" },
    { case: name, subject: "kedge, relaxed", beside: "kafka", on: "cpuMsPerMb" },
  ];
}

/** 1 KiB records, for which there are goals. */
export const kafkaProduce = producing("kafka-produce", casesOf(1024));
/** 100 B records: told. */
export const kafkaSmall = producing("kafka-small", casesOf(100));

function producing(name: string, cases: readonly Case[]): Bench {
  return {
    name,
    about:
      "records a second of the official Java producer's performance tool; Kafka as shipped answers from the page cache, synced has flush.messages=1, kedge is synced but where a topic is relaxed",
    goals: cases.flatMap(goalsOf),
    run: (context) =>
      withBrokers(async (subjects) => {
        for (const subject of subjects) await warm(context, subject);
        const figures: Figure[] = [];
        for (const [index, each] of cases.entries()) {
          const results = await interleave(
            withRelaxed(subjects),
            context.scale.runs,
            (subject, round) => produceOnce(context, subject, each, `produce-${index}-${round}`),
          );
          for (const [subject, runs] of results)
            figures.push(figure(each.name, subject.name, "records/s", runs));
          context.say(`${each.name} done`);
        }
        return figures;
      }),
  };
}

/** kedge once more, with topics that are answered for once they are written, as Kafka's are. */
function withRelaxed(subjects: readonly KafkaSubject[]): KafkaSubject[] {
  return subjects.flatMap((subject) =>
    subject.name === "kedge"
      ? [
          subject,
          {
            ...subject,
            name: "kedge, relaxed" as const,
            topicConfigs: { "kedge.durability": "relaxed" },
          },
        ]
      : [subject],
  );
}

/** Lets both brokers compile what they run. */
export async function warm(context: Context, subject: KafkaSubject): Promise<void> {
  const topic = `warm-${subject.name.replaceAll(/\W+/g, "-")}`;
  await createTopic(subject, topic, 6);
  await producePerformance({
    port: subject.broker.port,
    topic,
    records: context.scale.loadMb * 1000,
    recordBytes: 1024,
    properties: { acks: "all" },
  });
  await deleteTopic(subject, topic);
}

async function produceOnce(
  context: Context,
  subject: KafkaSubject,
  { recordBytes, partitions, properties }: Case,
  name: string,
): Promise<Run> {
  const topic = `${name}-${subject.name.replaceAll(/\W+/g, "-")}`;
  const records = context.scale.kafkaMb * (recordBytes < 1024 ? 4000 : 1000);
  await createTopic(subject, topic, partitions);
  const before = cpuSeconds(subject.broker.pid);
  const figures = await producePerformance({
    port: subject.broker.port,
    topic,
    records,
    recordBytes,
    properties,
  });
  const seconds = cpuSeconds(subject.broker.pid) - before;
  await deleteTopic(subject, topic);
  await rested(subject.broker.pid);
  const { recordsPerSecond, p50Ms, p99Ms } = figures;
  const cpuMsPerMb = (seconds * 1000) / ((records * recordBytes) / 1e6);
  return { value: recordsPerSecond, more: { p50Ms, p99Ms, cpuMsPerMb } };
}

const REST_MS = 500;
const RESTS_MAX = 60;
/** Less CPU than this in a rest is idle, at a grain of 10 ms. */
const IDLE_SECONDS = 0.03;

/** Waits until what a deleted topic leaves to be done is done: it would be counted as the next one's. */
async function rested(pid: number): Promise<void> {
  for (let rests = 0; rests < RESTS_MAX; rests += 1) {
    const before = cpuSeconds(pid);
    await Bun.sleep(REST_MS);
    if (!(cpuSeconds(pid) - before >= IDLE_SECONDS)) return;
  }
}
