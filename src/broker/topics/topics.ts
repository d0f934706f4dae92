/**
 * The verbs on topics: create, delete, alter, describe, list, with Kafka's rules.
 *
 * - What must hold of the whole cluster (the name is free, the topic is there) is decided in the controller's turn; what
 *   can be said of the request alone is refused before.
 * - A topic answers as created once its commands stand and its logs are made. Should the disk refuse the logs, the topic
 *   stands all the same, and its partitions refuse with a retry until they have one (`log/logs.ts` goes on trying).
 * - Each incarnation of a name has an id of its own: what a client knew of the old one does not hold for the new.
 * - Left out: manual replica assignment, racks, per-principal quotas on mutations.
 */
import { randomUuid, type Random } from "../../lib/random.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Command } from "../../cluster/commands.ts";
import type { Controller } from "../../cluster/controller.ts";
import type { Image, TopicImage } from "../../cluster/image.ts";
import { partitionCommands, topicCommands, type TopicPlan } from "../../cluster/topic-commands.ts";
import type { KeptLog, Logs } from "../../log/logs.ts";
import {
  checkNewValues,
  type ConfigValues,
  describeTopicConfig,
  parseTopicConfig,
} from "../../log/configs/topic-config.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { checkMayChange, isInternal } from "../access.ts";
import { configCommands } from "../configs/changes.ts";
import {
  checkConfigExists,
  checkName,
  checkNameIsFree,
  checkPartitions,
  checkRoom,
  known,
} from "./rules.ts";
import type {
  Broker,
  Context,
  LogEnds,
  NewTopic,
  PartitionDescription,
  TopicChange,
  TopicDescription,
  TopicSummary,
} from "../verbs.ts";

const REPLICAS_DEFAULT = 3;

/** What describing a topic asks of its logs. */
export interface DescribedLog extends KeptLog {
  ends(): LogEnds;
  /** Bytes of log kept. */
  bytes(): number;
}

export interface TopicsOptions {
  readonly controller: Controller;
  readonly logs: Logs<DescribedLog>;
  readonly random: Random;
  /** For topics that do not say (`num.partitions`). */
  readonly partitionsDefault: number;
  /** The node's values of topic configs, by the topic config's name. */
  readonly configDefaults: ConfigValues;
}

type TopicVerbs = Pick<
  Broker,
  "createTopic" | "deleteTopic" | "alterTopic" | "describeTopic" | "listTopics" | "topicById"
>;

export function topicVerbs(options: TopicsOptions): TopicVerbs {
  const { controller, logs } = options;
  const { image } = controller;
  const listed = listing(image);
  return {
    async createTopic(_context, topic) {
      if (topic.validateOnly) return plannedDescription(planOf(topic, image, options), options);
      try {
        // Whether the name is free is known once a change of unknown outcome is settled.
        await controller.submit((image) => {
          const plan = planOf(topic, image, options);
          checkRoom(image, plan.partitions);
          return topicCommands(image, plan);
        });
      } finally {
        // Also for who came second: told that the topic is there, it may be written to.
        await logs.settled();
      }
      return describe(known(image, topic.name), options);
    },
    async deleteTopic(_context, name) {
      checkMayChange(name);
      await controller.submit((image) => [
        { type: "remove-topic", version: 0, id: known(image, name).id },
      ]);
      await logs.settled();
    },
    async alterTopic(_context, name, change) {
      checkMayChange(name);
      await controller.submit((image) => alterCommands(image, known(image, name), change, options));
      await logs.settled();
      return describe(known(image, name), options);
    },
    describeTopic: (_context, name) => describe(known(image, name), options),
    listTopics: () => listed(),
    topicById(_context: Context, id) {
      const topic = image.topicById(id);
      if (topic) return summary(topic);
      throw new Refusal("unknown_topic_or_partition", `There is no topic of id "${id}".`);
    },
  };
}

/** A new topic with its defaults filled in; refuses one that could not be, for Kafka's first reason. */
function planOf(topic: NewTopic, image: Image, options: TopicsOptions): TopicPlan {
  const { name, configs } = topic;
  checkName(name);
  checkNameIsFree(image, name);
  checkMayChange(name);
  checkNewValues(configs);
  parseTopicConfig(configs, options.configDefaults);
  const nodes = image.brokers.size;
  const asked = topic.replicationFactor;
  const replicationFactor = asked === -1 ? Math.min(REPLICAS_DEFAULT, nodes) : asked;
  const partitions = topic.partitions === -1 ? options.partitionsDefault : topic.partitions;
  if (replicationFactor >= 1) checkPartitions(partitions);
  if (!Number.isInteger(replicationFactor) || replicationFactor < 1 || replicationFactor > nodes) {
    throw new Refusal(
      "invalid_replication_factor",
      `The replication factor must be from 1 to the number of nodes, ${nodes}, or -1 for the default; it is ${asked}.`,
      { nodes },
    );
  }
  return { name, id: randomUuid(options.random), partitions, replicationFactor, configs };
}

function alterCommands(
  image: Image,
  topic: TopicImage,
  change: TopicChange,
  options: TopicsOptions,
): Command[] {
  const current = topic.partitions.length;
  const wanted = change.partitions ?? current;
  checkPartitions(wanted);
  if (wanted < current) {
    throw new Refusal(
      "invalid_partitions",
      `"${topic.name}" has ${current} partitions; their number can only grow.`,
      { partitions: current },
    );
  }
  checkRoom(image, wanted - current);
  const after = new Map(image.configs("topic", topic.name));
  for (const [key, value] of Object.entries(change.configs ?? {})) {
    if (value !== null) {
      checkNewValues({ [key]: value });
      after.set(key, value);
    } else if (!after.delete(key)) checkConfigExists(key);
  }
  parseTopicConfig(Object.fromEntries(after), options.configDefaults);
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  return [
    ...partitionCommands(image, topic.id, { from: current, to: wanted, replicationFactor }),
    ...configCommands(image, "topic", topic.name, after),
  ];
}

function describe(topic: TopicImage, options: TopicsOptions): TopicDescription {
  const { image } = options.controller;
  const overrides = Object.fromEntries(image.configs("topic", topic.name));
  return {
    ...summary(topic),
    partitionList: topic.partitions.map((partition): PartitionDescription => {
      const { index, leader, replicas, inSyncReplicas, leaderEpoch } = partition;
      const log = options.logs.log(topic.id, index);
      const ends = log?.ends() ?? {
        logStart: 0,
        highWatermark: 0,
        lastStable: 0,
        epoch: leaderEpoch,
      };
      return { index, leader, replicas, inSyncReplicas, ...ends, bytes: log?.bytes() ?? 0 };
    }),
    configs: describeTopicConfig(overrides, options.configDefaults),
  };
}

/** What a topic would be, had it been created: without an id, as Kafka tells it. */
function plannedDescription(plan: TopicPlan, { configDefaults }: TopicsOptions): TopicDescription {
  const { name, partitions, replicationFactor, configs } = plan;
  return {
    name,
    id: zeroUuid,
    partitions,
    replicationFactor,
    internal: isInternal(name),
    partitionList: [],
    configs: describeTopicConfig(configs, configDefaults),
  };
}

function summary({ name, id, partitions }: TopicImage): TopicSummary {
  return {
    name,
    id,
    partitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? 0,
    internal: isInternal(name),
  };
}

/** Every topic by name, made anew only when the image has moved. */
function listing(image: Image): () => TopicSummary[] {
  let list: TopicSummary[] = [];
  let madeAt = -1;
  return () => {
    if (madeAt !== image.index) {
      list = [...image.topics()].map(summary).sort((a, b) => (a.name < b.name ? -1 : 1));
      madeAt = image.index;
    }
    return list;
  };
}
