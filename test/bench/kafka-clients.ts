/**
 * The two JavaScript clients on Bun against kedge and Apache Kafka: batches produced, single records acknowledged, a topic
 * consumed. The client runs in a process of its own, `kafka-client-load.ts`.
 */
import { join } from "node:path";
import { type Bench, type Figure, figure, interleave, type Run } from "./harness.ts";
import { createTopic, deleteTopic, type KafkaSubject, withBrokers } from "./kafka-servers.ts";
import { cpuSeconds } from "./proc.ts";
import { root } from "./subjects.ts";

export type ClientName = "kafkajs" | "@platformatic/kafka";
export type ClientWork = "batches of 1,000" | "single, acks=all" | "consume";

const clients: readonly ClientName[] = ["kafkajs", "@platformatic/kafka"];
const works: readonly ClientWork[] = ["batches of 1,000", "single, acks=all", "consume"];

export const kafkaClients: Bench = {
  name: "kafka-clients",
  about: "kafkajs and @platformatic/kafka on Bun, 1 KiB, one partition: records a second",
  goals: [],
  run: (context) =>
    withBrokers(async (subjects) => {
      const figures: Figure[] = [];
      for (const client of clients) {
        for (const work of works) {
          const results = await interleave(subjects, context.scale.runs, (subject, round) =>
            runClient(subject, client, work, context.scale.kafkaMb * 1000, round),
          );
          for (const [{ name }, runs] of results)
            figures.push(figure(`${client}, ${work}`, name, "records/s", runs));
          context.say(`${client}, ${work} done`);
        }
      }
      return figures;
    }),
};

async function runClient(
  subject: KafkaSubject,
  client: ClientName,
  work: ClientWork,
  most: number,
  round: number,
): Promise<Run> {
  const records = work === "single, acks=all" ? Math.min(2000, most) : Math.min(100_000, most);
  const topic = `${client}-${work}-${subject.name}-${round}`.replaceAll(/[^a-z0-9]+/gi, "-");
  await createTopic(subject, topic, 1);
  const before = cpuSeconds(subject.broker.pid);
  const program = join(root, "test/bench/kafka-client-load.ts");
  const child = Bun.spawn(
    [process.execPath, program, client, work, String(subject.broker.port), topic, String(records)],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const said = await new Response(child.stdout).text();
  if ((await child.exited) !== 0)
    throw new Error(`${client}, ${work} failed against ${subject.name}`);
  // Printed by our own kafka-client-load.ts.
  const { seconds, p50Ms, p99Ms } = JSON.parse(said) as Readonly<Record<string, number>>;
  const cpuMsPerMb = ((cpuSeconds(subject.broker.pid) - before) * 1000) / ((records * 1024) / 1e6);
  await deleteTopic(subject, topic);
  return {
    value: records / (seconds ?? Number.NaN),
    more: { p50Ms: p50Ms ?? Number.NaN, p99Ms: p99Ms ?? Number.NaN, cpuMsPerMb },
  };
}
