/**
 * The official Java consumer's catch-up, and the time from one record's send to its receipt, beside Apache Kafka; for
 * the catch-up beside a broker that answers from memory, too, which is the most that the tool can take on this machine.
 */
import { type Bench, type Figure, figure, interleave } from "./harness.ts";
import { consumePerformance, endToEndLatency, producePerformance } from "./java-tools.ts";
import { createTopic, type KafkaSubject, startStub, withBrokers } from "./kafka-servers.ts";
import { warm } from "./kafka-produce.ts";
import { cpuSeconds } from "./proc.ts";

const partitionCounts = [1, 6];
const catchUpCase = (partitions: number) =>
  `catch-up, 1024 B, ${partitions} partition${partitions === 1 ? "" : "s"}`;
const tailCase = "send to receipt, 1024 B, one in flight";

export const kafkaConsume: Bench = {
  name: "kafka-consume",
  about:
    "the official Java consumer's performance tool from the beginning (records a second, the group's join left out) and its end-to-end latency tool with acks=all (ms, mean)",
  goals: [
    ...partitionCounts.flatMap((partitions) => [
      { case: catchUpCase(partitions), subject: "kedge", beside: "kafka", least: 1 },
      { case: catchUpCase(partitions), subject: "bun from memory", beside: "kafka" },
    ]),
    { case: tailCase, subject: "kedge", beside: "kafka", most: 0.5 },
  ],
  run: (context) =>
    withBrokers(async (subjects, node) => {
      const figures: Figure[] = [];
      const records = context.scale.kafkaMb * 1000 * 3;
      for (const partitions of partitionCounts) {
        const topic = (name: string) => `consume-${partitions}-${name.replaceAll(/\W+/g, "-")}`;
        for (const subject of subjects) {
          if (partitions === 1) await warm(context, subject);
          await createTopic(subject, topic(subject.name), partitions);
          await producePerformance({
            port: subject.broker.port,
            topic: topic(subject.name),
            records,
            recordBytes: 1024,
            properties: { acks: "all" },
          });
        }
        const stub = await startStub(node, topic("kedge"), partitions);
        const memory: KafkaSubject = { name: "bun from memory", broker: stub, topicConfigs: {} };
        const entrants = [...subjects, memory];
        const results = await interleave(entrants, context.scale.runs, async (subject) => {
          const { pid, port } = subject.broker;
          const before = cpuSeconds(pid);
          const name = subject === memory ? "kedge" : subject.name;
          const run = await consumePerformance(port, topic(name), records);
          const cpuMsPerMb = ((cpuSeconds(pid) - before) * 1000) / ((records * 1024) / 1e6);
          return {
            value: run.fetchedPerSecond,
            more: { withJoin: run.recordsPerSecond, cpuMsPerMb },
          };
        });
        await stub.stop();
        for (const [{ name }, runs] of results)
          figures.push(figure(catchUpCase(partitions), name, "records/s", runs));
        context.say(`${catchUpCase(partitions)} done`);
      }
      const results = await interleave(subjects, context.scale.runs, async (subject, round) => {
        const topic = `tail-${round}-${subject.name.replaceAll(/\W+/g, "-")}`;
        await createTopic(subject, topic, 1);
        const { port } = subject.broker;
        const { meanMs, p99Ms } = await endToEndLatency(
          port,
          topic,
          context.scale.latencies * 5,
          1024,
        );
        return { value: meanMs, more: { p99Ms } };
      });
      for (const [{ name }, runs] of results) figures.push(figure(tailCase, name, "ms", runs));
      return figures;
    }),
};
