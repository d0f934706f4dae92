/**
 * Apache Kafka's own command-line tools, unmodified: each command is run against Apache Kafka and against kedge, and must
 * say the same on both, once what differs by nature (ids, ports, times, sizes) is written over, and with it:
 *
 * - the sentence of an error: its kind is Kafka's, its words are the broker's own;
 * - `min.insync.replicas` where nobody set it: with eligible leader replicas (KIP-966), which this house has not, Kafka sets
 *   it by itself for the whole cluster;
 * - the order of a topic's configs, which is a hash map's.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, startKedge, toolOf } from "./kafka-broker.ts";

interface Command {
  readonly name: string;
  readonly tool: string;
  /** Words after `--bootstrap-server HOST:PORT`. */
  readonly words: readonly string[];
  readonly input?: string;
  /** Lines come in an order of no meaning. */
  readonly unordered?: boolean;
  /** What to compare of the output, when not all of it. */
  readonly only?: RegExp;
}

const directory = mkdtempSync(join(tmpdir(), "kedge-tools-"));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

const consumerConfig = file("consumer.properties", "group.id=tools\nauto.offset.reset=earliest\n");
const deletions = file(
  "deletions.json",
  JSON.stringify({ version: 1, partitions: [{ topic: "tools", partition: 0, offset: 1 }] }),
);
const move = { topic: "tools", partition: 0, replicas: [1], log_dirs: ["any"] };
const moves = file("moves.json", JSON.stringify({ version: 1, partitions: [move] }));
const describeBroker = ["--describe", "--entity-type", "brokers", "--entity-name", "1"];
const input = Array.from({ length: 12 }, (_, index) => `k${index % 4}:value ${index}`).join("\n");
const keys = ["--property", "parse.key=true", "--property", "key.separator=:"];
const printed = ["--property", "print.key=true", "--property", "print.partition=true"];
const topic = ["--topic", "tools"];
const group = ["--group", "tools"];
const topicEntity = ["--entity-type", "topics", "--entity-name", "tools"];

const commands: readonly Command[] = [
  {
    name: "create a topic",
    tool: "TopicCommand",
    words: ["--create", ...topic, "--partitions", "3", "--config", "retention.ms=3600000"],
  },
  { name: "create it again", tool: "TopicCommand", words: ["--create", ...topic] },
  {
    name: "create one of a bad name",
    tool: "TopicCommand",
    words: ["--create", "--topic", "bad name"],
  },
  {
    name: "create one of a bad config",
    tool: "TopicCommand",
    words: ["--create", "--topic", "bad", "--config", "retention.ms=soon"],
  },
  {
    name: "create one of a bad replication",
    tool: "TopicCommand",
    words: ["--create", "--topic", "bad", "--replication-factor", "3"],
  },
  { name: "describe the topic", tool: "TopicCommand", words: ["--describe", ...topic] },
  {
    name: "describe a topic that is not there",
    tool: "TopicCommand",
    words: ["--describe", "--topic", "nonesuch"],
  },
  { name: "produce", tool: "ConsoleProducer", words: [...topic, ...keys], input },
  {
    name: "consume",
    tool: "ConsoleConsumer",
    words: [...topic, "--command-config", consumerConfig, "--max-messages", "12", ...printed],
    unordered: true,
  },
  {
    name: "consume a partition from an offset",
    tool: "ConsoleConsumer",
    words: [...topic, "--partition", "0", "--offset", "0", "--max-messages", "1", ...printed],
  },
  { name: "offsets", tool: "GetOffsetShell", words: [...topic], unordered: true },
  {
    name: "earliest offsets",
    tool: "GetOffsetShell",
    words: [...topic, "--time", "earliest"],
    unordered: true,
  },
  {
    name: "offsets of the greatest timestamp",
    tool: "GetOffsetShell",
    words: [...topic, "--time", "max-timestamp"],
    unordered: true,
    // Which record has it is up to the producer's clock.
    only: /^tools:\d:/gm,
  },
  { name: "list groups", tool: "ConsumerGroupCommand", words: ["--list"], only: /^tools$/m },
  {
    name: "list groups with their states",
    tool: "ConsumerGroupCommand",
    words: ["--list", "--state"],
    only: /^tools .*$/m,
  },
  {
    name: "describe the group",
    tool: "ConsumerGroupCommand",
    words: ["--describe", ...group],
    unordered: true,
  },
  {
    name: "describe the group's state",
    tool: "ConsumerGroupCommand",
    words: ["--describe", ...group, "--state"],
  },
  {
    name: "describe the group's members",
    tool: "ConsumerGroupCommand",
    words: ["--describe", ...group, "--members"],
  },
  {
    name: "reset offsets, as a trial",
    tool: "ConsumerGroupCommand",
    words: ["--reset-offsets", ...group, ...topic, "--to-earliest", "--dry-run"],
    unordered: true,
  },
  {
    name: "reset offsets",
    tool: "ConsumerGroupCommand",
    words: ["--reset-offsets", ...group, ...topic, "--shift-by", "-1", "--execute"],
    unordered: true,
  },
  {
    name: "delete a group's offsets",
    tool: "ConsumerGroupCommand",
    words: ["--delete-offsets", ...group, ...topic],
    unordered: true,
  },
  { name: "all kinds of groups", tool: "GroupsCommand", words: ["--list"], only: /^tools .*$/m },
  { name: "delete the group", tool: "ConsumerGroupCommand", words: ["--delete", ...group] },
  {
    name: "delete a group that is not there",
    tool: "ConsumerGroupCommand",
    words: ["--delete", "--group", "nonesuch"],
  },
  {
    name: "alter a topic's configs",
    tool: "ConfigCommand",
    words: [
      "--alter",
      ...topicEntity,
      "--add-config",
      "cleanup.policy=[compact,delete],max.message.bytes=2000000",
    ],
  },
  {
    name: "alter a topic's config badly",
    tool: "ConfigCommand",
    words: ["--alter", ...topicEntity, "--add-config", "max.message.bytes=-5"],
  },
  {
    name: "describe a topic's configs",
    tool: "ConfigCommand",
    words: ["--describe", ...topicEntity],
    unordered: true,
  },
  {
    name: "take a topic's config back",
    tool: "ConfigCommand",
    words: ["--alter", ...topicEntity, "--delete-config", "cleanup.policy"],
  },
  {
    name: "describe a group's configs",
    tool: "ConfigCommand",
    words: ["--describe", "--entity-type", "groups", "--entity-name", "tools"],
  },
  {
    name: "alter a client's quota",
    tool: "ConfigCommand",
    words: [
      "--alter",
      "--entity-type",
      "clients",
      "--entity-name",
      "c",
      "--add-config",
      "producer_byte_rate=1024",
    ],
  },
  {
    name: "describe a client's quota",
    tool: "ConfigCommand",
    words: ["--describe", "--entity-type", "clients", "--entity-name", "c"],
  },
  {
    name: "add partitions",
    tool: "TopicCommand",
    words: ["--alter", ...topic, "--partitions", "4"],
  },
  {
    name: "take partitions away",
    tool: "TopicCommand",
    words: ["--alter", ...topic, "--partitions", "2"],
  },
  {
    name: "delete records",
    tool: "DeleteRecordsCommand",
    words: ["--offset-json-file", deletions],
  },
  {
    name: "list transactions",
    tool: "TransactionsCommand",
    words: ["list"],
    only: /^TransactionalId.*$/m,
  },
  {
    name: "describe producers",
    tool: "TransactionsCommand",
    words: ["describe-producers", ...topic, "--partition", "0"],
    only: /^ProducerId.*$/m,
  },
  {
    name: "hanging transactions",
    tool: "TransactionsCommand",
    words: ["find-hanging", "--broker-id", "1"],
  },
  {
    name: "log directories",
    tool: "LogDirsCommand",
    words: ["--describe", "--topic-list", "tools"],
    only: /"partition":"tools-\d"/g,
  },
  { name: "the cluster's id", tool: "ClusterTool", words: ["cluster-id"] },
  {
    name: "the quorum's status",
    tool: "MetadataQuorumCommand",
    words: ["describe", "--status"],
    only: /^LeaderId:.*$|"id": \d+/gm,
  },
  {
    name: "the quorum's replication",
    tool: "MetadataQuorumCommand",
    words: ["describe", "--replication"],
    only: /^NodeId.*$/m,
  },
  {
    name: "features",
    tool: "FeatureCommand",
    words: ["describe"],
    only: /^Feature: (?:transaction.version.*FinalizedVersionLevel: \d|\S+)/gm,
  },
  {
    name: "elect leaders",
    tool: "LeaderElectionCommand",
    words: ["--election-type", "preferred", ...topic, "--partition", "0"],
  },
  { name: "list reassignments", tool: "ReassignPartitionsCommand", words: ["--list"] },
  {
    name: "reassign partitions under a throttle",
    tool: "ReassignPartitionsCommand",
    words: ["--reassignment-json-file", moves, "--execute", "--throttle", "1000"],
    only: /^(?!.*"log_dirs").*$/gm,
  },
  { name: "describe the throttles", tool: "ConfigCommand", words: describeBroker },
  ...["--verify", "--cancel"].map((word) => ({
    name: `reassign partitions: ${word}`,
    tool: "ReassignPartitionsCommand",
    words: ["--reassignment-json-file", moves, word],
  })),
  { name: "describe no throttles any more", tool: "ConfigCommand", words: describeBroker },
  {
    name: "access rules",
    tool: "AclCommand",
    words: ["--list"],
    only: /SecurityDisabledException/,
  },
  {
    name: "the producer's performance",
    tool: "ProducerPerformance",
    words: [...topic, "--num-records", "1000", "--record-size", "100", "--throughput", "-1"],
    only: /1000 records sent/,
  },
  {
    name: "the consumer's performance",
    tool: "ConsumerPerformance",
    words: [...topic, "--num-records", "1000", "--hide-header"],
    only: /, 1000, /,
  },
  {
    name: "the verifiable producer",
    tool: "VerifiableProducer",
    words: [...topic, "--max-messages", "50"],
    only: /"sent":\d+,"acked":\d+/,
  },
  {
    name: "the verifiable consumer",
    tool: "VerifiableConsumer",
    words: [
      ...topic,
      "--group-id",
      "verifiable",
      "--max-messages",
      "100",
      "--reset-policy",
      "earliest",
    ],
    only: /"name":"(partitions_assigned|shutdown_complete)"/g,
  },
  {
    name: "the verifiable consumer, KIP-848",
    tool: "VerifiableConsumer",
    words: [
      ...topic,
      "--group-id",
      "verifiable-2",
      "--max-messages",
      "100",
      "--reset-policy",
      "earliest",
      "--group-protocol",
      "consumer",
    ],
    only: /"name":"(partitions_assigned|shutdown_complete)"/g,
  },
  { name: "list topics", tool: "TopicCommand", words: ["--list", "--exclude-internal"] },
  { name: "delete the topic", tool: "TopicCommand", words: ["--delete", ...topic] },
  { name: "delete a topic that is not there", tool: "TopicCommand", words: ["--delete", ...topic] },
];

/** One tool takes the address as its first word's companion, not before everything. */
function wordsOf({ tool, words }: Command, bootstrap: string): string[] {
  const address = ["--bootstrap-server", bootstrap];
  return tool === "ClusterTool" ? [...words, ...address] : [...address, ...words];
}

/** The output with what differs by nature written over. */
function plain(output: string, { only, unordered }: Command, broker: InteropBroker): string {
  const port = broker.bootstrap.split(":")[1] ?? "";
  const text = output
    .replaceAll(new RegExp(`\\b${port}\\b`, "g"), "PORT")
    .replaceAll(/\b[\w-]{22}\b/g, "ID")
    .replaceAll(/\[\d{4}-\d\d-\d\d [\d:,]+\]/g, "[TIME]")
    .replaceAll(/\b1[78]\d{11}\b/g, "TIME")
    .replaceAll(/(\.errors\.\w+Exception): .*/g, "$1: SENTENCE")
    .replaceAll(/(Error while executing [\w ]+ : ).*/g, "$1SENTENCE")
    .replaceAll("min.insync.replicas=1,", "")
    .replaceAll(/(?<=Configs: )\S+/g, (configs) => configs.split(",").toSorted().join())
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID");
  const lines = (only ? (text.match(only) ?? []).join("\n") : text)
    .split("\n")
    .map((line) => line.replaceAll(/\s+/g, " ").trim())
    .filter((line) => line !== "" && !/^at |^\.\.\. \d+ more/.test(line));
  return (unordered ? lines.toSorted() : lines).join("\n");
}

const missing = kafkaMissing();
const skipped = missing !== null;
if (skipped) console.error(`Apache Kafka's tools are left out: ${missing}`);

describe.skipIf(skipped)("Kafka's own tools say the same of kedge as of Apache Kafka", () => {
  const brokers: InteropBroker[] = [];

  beforeAll(async () => {
    brokers.push(await startApacheKafka());
    // The peer's server.properties, which is its distribution's, says it too.
    brokers.push(await startKedge("--log-segment-bytes", "1073741824"));
  });

  afterAll(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    rmSync(directory, { recursive: true, force: true });
  });

  for (const command of commands) {
    test(command.name, async () => {
      const said = await Promise.all(
        brokers.map(async (broker) => {
          const run = await toolOf(command.tool, wordsOf(command, broker.bootstrap), command.input);
          return { code: run.code, said: plain(run.output, command, broker) };
        }),
      );
      const [kafka, kedge] = said;
      if (command.only) expect(kafka?.said).not.toBe("");
      expect(kedge).toEqual(kafka ?? { code: -1, said: "" });
    });
  }
});
