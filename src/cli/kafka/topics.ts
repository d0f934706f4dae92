/**
 * `kedge kafka-topics`: Kafka's own spelling for topics (kafka-topics.sh).
 *
 * Left out: `--replica-assignment`, `--topic-id-type`, and the at-min-isr filters.
 */
import type { Command } from "commander";
import { createTopics } from "../../kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../kafka/apis/20-delete-topics.ts";
import { createPartitions } from "../../kafka/apis/37-create-partitions.ts";
import type { ClusterPartition, ClusterTopic, KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { wholeNumber } from "../arguments.ts";
import type { Session } from "../session.ts";
import { configsOf, isDefaultConfig } from "./config-entries.ts";
import {
  addConnectOptions,
  asTool,
  gathered,
  includes,
  oneAction,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";

interface Options extends ConnectOptions {
  readonly create?: boolean;
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly alter?: boolean;
  readonly delete?: boolean;
  readonly topic?: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: readonly string[];
  readonly ifExists?: boolean;
  readonly ifNotExists?: boolean;
  readonly excludeInternal?: boolean;
  readonly topicsWithOverrides?: boolean;
  readonly underReplicatedPartitions?: boolean;
  readonly unavailablePartitions?: boolean;
}

const TOPIC_EXISTS = 36;
const REQUEST_MS = 30_000;
const COLLIDES =
  "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.";

export function addKafkaTopics(program: Command, session: Session): void {
  const command = program
    .command("kafka-topics")
    .alias("kafka-topics.sh")
    .description("topics, in Kafka's own spelling")
    .option("--create", "make a topic")
    .option("--list", "list the topics by name")
    .option("--describe", "show topics with their partitions")
    .option("--alter", "give a topic more partitions")
    .option("--delete", "delete topics")
    .option("--topic <topic>", "the topic; a pattern where there may be several")
    .option("--partitions <count>", "how many partitions", wholeNumber)
    .option("--replication-factor <count>", "how many replicas", wholeNumber)
    .option("--config <name=value>", "a config of the new topic; may repeat", gathered)
    .option("--if-exists", "a topic that is not there is fine")
    .option("--if-not-exists", "a topic that is there already is fine")
    .option("--exclude-internal", "leave internal topics out")
    .option("--topics-with-overrides", "describe only topics with configs of their own")
    .option("--under-replicated-partitions", "describe only partitions that lack replicas")
    .option("--unavailable-partitions", "describe only partitions without a leader");
  addConnectOptions(command).action((options: Options) =>
    asTool(
      (reason) => session.io.stdout.write(`Error while executing topic command : ${reason}\n`),
      () => withKafka(session, options, (client) => run(session, client, options)),
    ),
  );
}

async function run(session: Session, client: KafkaClient, options: Options): Promise<void> {
  const actions = ["create", "list", "describe", "alter", "delete"] as const;
  const words =
    "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
  const action = oneAction(options, actions, words);
  const { stdout } = session.io;
  if (action === "create") return create(session, client, options);
  const topics = await chosen(client, options, action !== "list");
  switch (action) {
    case "list":
      return stdout.write(topics.map(({ name }) => `${name}\n`).join(""));
    case "describe":
      return describe(session, client, topics, options);
    case "alter":
      return alter(client, topics, options);
    case "delete":
      return remove(client, topics);
    default:
      return action satisfies never;
  }
}

/** The topics that `--topic` names, by name; all without it. */
async function chosen(
  client: KafkaClient,
  { topic, ifExists, excludeInternal }: Options,
  mustExist: boolean,
): Promise<readonly ClusterTopic[]> {
  const matches = topic === undefined ? () => true : includes(topic);
  const topics = (await client.topics(null))
    .filter(({ name, isInternal }) => matches(name) && !(excludeInternal === true && isInternal))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  if (topics.length === 0 && topic !== undefined && mustExist && ifExists !== true)
    throw new ToolError(`Topic '${topic}' does not exist as expected`);
  return topics;
}

async function create(
  { io: { stdout } }: Session,
  client: KafkaClient,
  { topic, partitions, replicationFactor, config = [], ifNotExists }: Options,
): Promise<void> {
  if (topic === undefined) throw new ToolError('Missing required argument "[topic]"');
  if (/[._]/.test(topic)) await stdout.write(`${COLLIDES}\n`);
  const configs = config.map((text) => {
    const at = text.indexOf("=");
    if (at < 1)
      throw new ToolError(
        'requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".',
      );
    return { name: text.slice(0, at).trim(), value: text.slice(at + 1).trim() };
  });
  const request = {
    topics: [
      {
        name: topic,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        assignments: [],
        configs,
      },
    ],
    timeoutMs: REQUEST_MS,
    validateOnly: false,
  };
  try {
    await client.ask({ to: "controller" }, createTopics, request, ({ topics }) => {
      for (const { errorCode, errorMessage } of topics) check(errorCode, errorMessage);
    });
  } catch (error) {
    const isThere = error instanceof KafkaError && error.code === TOPIC_EXISTS;
    if (isThere && ifNotExists === true) return;
    throw error;
  }
  await stdout.write(`Created topic ${topic}.\n`);
}

async function alter(
  client: KafkaClient,
  topics: readonly ClusterTopic[],
  { partitions }: Options,
): Promise<void> {
  if (partitions === undefined) throw new ToolError('Missing required argument "[partitions]"');
  const request = {
    topics: topics.map(({ name }) => ({ name, count: partitions, assignments: null })),
    timeoutMs: REQUEST_MS,
    validateOnly: false,
  };
  await client.ask({ to: "controller" }, createPartitions, request, ({ results }) => {
    for (const { errorCode, errorMessage } of results) check(errorCode, errorMessage);
  });
}

async function remove(client: KafkaClient, topics: readonly ClusterTopic[]): Promise<void> {
  const names = topics.map(({ name }) => name);
  const request = { topics: [], topicNames: names, timeoutMs: REQUEST_MS };
  const options = { versionMax: NAMES_VERSION };
  const judge = ({ responses }: { responses: readonly Answered[] }) => {
    for (const { errorCode, errorMessage } of responses) check(errorCode, errorMessage);
  };
  await client.ask({ to: "controller" }, deleteTopics, request, judge, options);
}

interface Answered {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** The last version of DeleteTopics that takes bare names. */
const NAMES_VERSION = 5;

async function describe(
  { io: { stdout } }: Session,
  client: KafkaClient,
  topics: readonly ClusterTopic[],
  options: Options,
): Promise<void> {
  const shows = (part: ClusterPartition) => {
    if (options.unavailablePartitions === true) return part.leader < 0;
    return options.underReplicatedPartitions !== true || part.inSync.length < part.replicas.length;
  };
  const partial =
    options.unavailablePartitions === true || options.underReplicatedPartitions === true;
  const configs = partial ? [] : await configsOf(client, "topic", names(topics), {});
  for (const [at, topic] of topics.entries()) {
    const own = (configs[at] ?? []).filter((entry) => !isDefaultConfig(entry));
    if (options.topicsWithOverrides === true && own.length === 0) continue;
    const { name, topicId, partitions } = topic;
    const shown = own.map((config) => `${config.name}=${config.value ?? ""}`).join(",");
    const head = [
      `Topic: ${name}`,
      `TopicId: ${topicId}`,
      `PartitionCount: ${partitions.length}`,
      `ReplicationFactor: ${partitions[0]?.replicas.length ?? 0}`,
      `Configs: ${shown}`,
    ];
    const lines = partitions.filter(shows).map((part) => partitionLine(name, part));
    const first = partial ? [] : [head.join("\t")];
    if (options.topicsWithOverrides === true) lines.length = 0;
    await stdout.write([...first, ...lines].map((line) => `${line}\n`).join(""));
  }
}

function partitionLine(topic: string, part: ClusterPartition): string {
  const fields = [
    `Topic: ${topic}`,
    `Partition: ${part.partition}`,
    `Leader: ${part.leader < 0 ? "none" : part.leader}`,
    `Replicas: ${part.replicas.join(",")}`,
    `Isr: ${part.inSync.join(",")}`,
    "Elr: ",
    "LastKnownElr: ",
  ];
  return `\t${fields.join("\t")}`;
}

function names(topics: readonly ClusterTopic[]): readonly string[] {
  return topics.map(({ name }) => name);
}
