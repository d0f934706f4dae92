/**
 * `kedge kafka-topics`: Kafka's own spelling for topics (kafka-topics.sh).
 *
 * Left out: reassignments under way, which one node does not have.
 */
import { type Command, Option } from "commander";
import { createTopics } from "../../kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../kafka/apis/20-delete-topics.ts";
import { createPartitions } from "../../kafka/apis/37-create-partitions.ts";
import type { ClusterPartition, ClusterTopic, KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { integer } from "../arguments.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import type { Session } from "../session.ts";
import { configsOf, isDefaultConfig } from "./config-entries.ts";
import {
  addConnectOptions,
  gathered,
  includes,
  oneAction,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";
import { assignmentOf, checkTopicOptions } from "./topic-options.ts";
import { addTool, runsAs, tellUnneeded, type Given } from "./tool.ts";

interface Options extends ConnectOptions {
  readonly create?: boolean;
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly alter?: boolean;
  readonly delete?: boolean;
  readonly topic?: string;
  readonly topicId?: string;
  readonly replicaAssignment?: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: readonly string[];
  readonly ifExists?: boolean;
  readonly ifNotExists?: boolean;
  readonly excludeInternal?: boolean;
  readonly topicsWithOverrides?: boolean;
  readonly underReplicatedPartitions?: boolean;
  readonly unavailablePartitions?: boolean;
  readonly atMinIsrPartitions?: boolean;
  readonly underMinIsrPartitions?: boolean;
}

const TOPIC_EXISTS = 36;
const REQUEST_MS = 30_000;
const REPLICAS_MAX = 32_767;
const BOTH_NAMES =
  "Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID\n";
const COLLIDES =
  "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.";

export function addKafkaTopics(program: Command, session: Session): void {
  const command = addTool(program, "kafka-topics", "topics")
    .option("--create", "make a topic")
    .option("--list", "list the topics by name")
    .option("--describe", "show topics with their partitions")
    .option("--alter", "give a topic more partitions")
    .option("--delete", "delete topics")
    .option("--topic <topic>", "the topic; a pattern where there may be several")
    .option("--topic-id <id>", "describe the topic of this id")
    .option("--partitions <count>", "how many partitions", integer)
    .option("--replication-factor <count>", "how many replicas", integer)
    .option("--replica-assignment <nodes>", "nodes by partition: 1:2,2:1 is two replicas of two")
    .option("--config <name=value>", "a config of the new topic; may repeat", gathered)
    .option("--if-exists", "a topic that is not there is fine")
    .option("--if-not-exists", "a topic that is there already is fine")
    .option("--exclude-internal", "leave internal topics out")
    .option("--topics-with-overrides", "describe only topics with configs of their own")
    .option("--under-replicated-partitions", "describe only partitions that lack replicas")
    .option("--unavailable-partitions", "describe only partitions without a leader")
    .option("--at-min-isr-partitions", "describe only partitions that cannot lose a replica more")
    .option("--under-min-isr-partitions", "describe only partitions with too few replicas in sync");
  for (const flag of unneeded) command.addOption(new Option(`--${flag} <value>`).hideHelp());
  runsAs<Options>(addConnectOptions(command), {
    session,
    tell: (reason) => session.io.stdout.write(`Error while executing topic command : ${reason}\n`),
    check: (given, options) => {
      actionOf(options);
      checkTopicOptions(given);
    },
    async run(options, given) {
      await tellUnneeded(session, given, unneeded);
      await withKafka(session, options, (client) => run(session, client, options, given));
    },
  });
}

/** The first is of old, the second paces. */
const unneeded = ["delete-config", "partition-size-limit-per-response"];

function actionOf(options: Options) {
  const actions = ["create", "list", "describe", "alter", "delete"] as const;
  const words =
    "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
  return oneAction(options, actions, words);
}

async function run(
  session: Session,
  client: KafkaClient,
  options: Options,
  given: Given,
): Promise<void> {
  const action = actionOf(options);
  const { stdout } = session.io;
  if (action === "create") return create(session, client, options);
  const topics = await chosen(client, options, action !== "list");
  switch (action) {
    case "list":
      // Kafka's tool ends an empty list with a line end too.
      return stdout.write(`${topics.map(({ name }) => name).join("\n")}\n`);
    case "describe":
      if (given.has("if-exists") && given.has("topic") && given.has("topic-id"))
        await stdout.write(BOTH_NAMES);
      return describe(session, client, topics, options);
    case "alter":
      return alter(client, topics, options);
    case "delete":
      return remove(client, topics);
    default:
      return action satisfies never;
  }
}

/** The topics that `--topic` names, by name, or the one that `--topic-id` does; all without either. */
async function chosen(
  client: KafkaClient,
  { topic, topicId, ifExists, excludeInternal }: Options,
  mustExist: boolean,
): Promise<readonly ClusterTopic[]> {
  const byId = mustExist && topicId !== undefined && topicId !== zeroUuid;
  const matches = topic === undefined || byId ? () => true : includes(topic);
  const all = await client.topics(null);
  const topics = all
    .filter(({ name, isInternal }) => matches(name) && !(excludeInternal === true && isInternal))
    .filter((each) => !byId || each.topicId === topicId)
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  if (topics.length > 0 || !mustExist || ifExists === true) return topics;
  if (byId) throw new ToolError(`TopicId '${topicId}' does not exist as expected`);
  if (topic !== undefined) throw new ToolError(`Topic '${topic}' does not exist as expected`);
  return topics;
}

async function create(
  { io: { stdout } }: Session,
  client: KafkaClient,
  { topic, partitions, replicationFactor, replicaAssignment, config = [], ifNotExists }: Options,
): Promise<void> {
  if (topic === undefined) return;
  if (/[._]/.test(topic)) await stdout.write(`${COLLIDES}\n`);
  const configs = config.map((text) => {
    const at = text.indexOf("=");
    if (at < 1)
      throw new ToolError(
        'requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".',
      );
    return { name: text.slice(0, at).trim(), value: text.slice(at + 1).trim() };
  });
  const assigned = replicaAssignment === undefined ? [] : assignmentOf(replicaAssignment);
  if (
    replicationFactor !== undefined &&
    (replicationFactor < 1 || replicationFactor > REPLICAS_MAX)
  )
    throw new ToolError(`The replication factor must be between 1 and ${REPLICAS_MAX} inclusive`);
  if (partitions !== undefined && partitions < 1)
    throw new ToolError("The partitions must be greater than 0");
  const request = {
    topics: [
      {
        name: topic,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        assignments: assigned.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
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
  { partitions, replicaAssignment }: Options,
): Promise<void> {
  if (topics.length === 0 || partitions === undefined) return;
  const assigned = replicaAssignment === undefined ? null : assignmentOf(replicaAssignment);
  const request = {
    topics: topics.map((topic) => ({
      name: topic.name,
      count: partitions,
      assignments:
        assigned?.slice(topic.partitions.length).map((brokerIds) => ({ brokerIds })) ?? null,
    })),
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
  const { unavailablePartitions, underReplicatedPartitions } = options;
  const { atMinIsrPartitions, underMinIsrPartitions } = options;
  const byMinimum = atMinIsrPartitions === true || underMinIsrPartitions === true;
  const partial = byMinimum || unavailablePartitions === true || underReplicatedPartitions === true;
  const configs = partial && !byMinimum ? [] : await configsOf(client, "topic", names(topics), {});
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
    const minimum = configs[at]?.find((entry) => entry.name === "min.insync.replicas")?.value;
    const shows = (part: ClusterPartition) => isShown(part, options, Number(minimum ?? 1));
    const lines = partitions.filter(shows).map((part) => partitionLine(name, part));
    const first = partial ? [] : [head.join("\t")];
    if (options.topicsWithOverrides === true) lines.length = 0;
    await stdout.write([...first, ...lines].map((line) => `${line}\n`).join(""));
  }
}

/** Whether the filters let a partition pass, of which one is enough. */
function isShown(
  { leader, inSync, replicas }: ClusterPartition,
  options: Options,
  minimum: number,
) {
  const filters = [
    [options.unavailablePartitions, leader < 0],
    [options.underReplicatedPartitions, inSync.length < replicas.length],
    [options.atMinIsrPartitions, inSync.length === minimum],
    [options.underMinIsrPartitions, leader < 0 || inSync.length < minimum],
  ].filter(([asked]) => asked === true);
  return filters.length === 0 || filters.some(([, passes]) => passes === true);
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
