/**
 * CreateTopics, DeleteTopics and CreatePartitions, topic by topic: each answers for itself.
 *
 * - A topic that is named twice in a request is refused once and nothing is done to it, as in Kafka.
 */
import type { TopicDescription } from "../../broker/verbs.ts";
import { mapInTurns } from "../../lib/async.ts";
import { isKafkas } from "../../log/configs/definitions.ts";
import { Refusal } from "../../lib/refusal.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import type { Call } from "../call.ts";
import { sourceCodes } from "./config-admin.ts";
import { codeFor, codeOf, messageOf, NONE } from "../error-codes.ts";

interface Assignment {
  readonly partitionIndex: number;
  readonly brokerIds: readonly number[];
}

interface AskedTopic {
  readonly name: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly Assignment[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export async function createEach(
  request: { readonly topics: readonly AskedTopic[]; readonly validateOnly: boolean },
  call: Call,
) {
  const { once, twice } = byOccurrence(request.topics, ({ name }) => name);
  const tooMany = partitionsOf(once) > PARTITIONS_PER_REQUEST_MAX;
  const answers = await mapInTurns(call.door.clock, once, async (topic) => {
    try {
      if (tooMany) throw new Refusal("policy_violation", tooManyPartitions);
      return created(topic.name, await create(topic, request.validateOnly, call));
    } catch (error) {
      return notCreated(topic.name, codeOf(error), messageOf(error));
    }
  });
  const refused = twice.map((name) => notCreated(name, codeFor("invalid_request"), namedTwice));
  return [...answers, ...refused];
}

/** Kafka's `MAX_PARTITIONS_PER_BATCH`. */
const PARTITIONS_PER_REQUEST_MAX = 10_000;
const tooManyPartitions = `One request makes at most ${PARTITIONS_PER_REQUEST_MAX} partitions.`;

function partitionsOf(topics: readonly AskedTopic[]): number {
  let sum = 0;
  for (const { assignments, numPartitions } of topics)
    sum += assignments.length > 0 ? assignments.length : Math.max(1, numPartitions);
  return sum;
}

const namedTwice = "The topic is named twice in the request.";

async function create(topic: AskedTopic, validateOnly: boolean, call: Call) {
  const { broker, context } = call;
  const { name, assignments } = topic;
  const configs = Object.fromEntries(topic.configs.map((one) => [one.name, one.value ?? ""]));
  let { numPartitions: partitions, replicationFactor } = topic;
  try {
    checkConfigsSaid(topic);
    if (assignments.length > 0) {
      checkAssigned(topic, call);
      partitions = assignments.length;
      replicationFactor = assignments[0]?.brokerIds.length ?? -1;
    }
  } catch (error) {
    // Kafka looks at the name first, and at the configs before the counts.
    const said = topic.configs.filter(({ value }) => value !== null);
    await broker.createTopic(context, {
      name,
      partitions: -1,
      replicationFactor: -1,
      configs: Object.fromEntries(said.map((one) => [one.name, one.value ?? ""])),
      validateOnly: true,
    });
    throw error;
  }
  return broker.createTopic(context, {
    name,
    partitions,
    replicationFactor,
    configs,
    validateOnly,
  });
}

function checkConfigsSaid({ configs }: AskedTopic): void {
  const empty = configs.find(({ value }) => value === null);
  if (empty) throw new Refusal("invalid_config", `The config ${empty.name} has no value.`);
}

/** By hand means by hand alone, for every partition from 0 on. */
function checkAssigned(
  { assignments, numPartitions, replicationFactor }: AskedTopic,
  { broker, context }: Call,
): void {
  if (replicationFactor !== -1 || numPartitions !== -1) {
    throw new Refusal("invalid_request", "With replicas given, counts must be -1.");
  }
  const indexes = assignments.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b);
  if (indexes.some((index, at) => index !== at)) {
    throw new Refusal("invalid_replica_assignment", "Partitions must count from 0 without a gap.");
  }
  for (const { brokerIds } of assignments) broker.admin.checkReplicas(context, brokerIds);
}

function created(name: string, topic: TopicDescription) {
  return {
    name,
    topicId: topic.id,
    errorCode: NONE,
    errorMessage: null,
    numPartitions: topic.partitions,
    replicationFactor: topic.replicationFactor,
    configs: topic.configs
      .filter((config) => isKafkas(config.name) || config.source !== "default")
      .map((config) => ({
        name: config.name,
        value: config.value,
        readOnly: false,
        configSource: sourceCodes[config.source],
        isSensitive: false,
      })),
  };
}

export function notCreated(name: string, errorCode: number, errorMessage: string) {
  return { name, topicId: zeroUuid, errorCode, errorMessage, configs: [] };
}

interface AskedDeletion {
  readonly name: string | null;
  readonly topicId: string;
}

export async function deleteEach(asked: readonly AskedDeletion[], call: Call) {
  // As in Kafka, one topic by its name and by its id is twice the same: neither is done.
  const nameOf = ({ name, topicId }: AskedDeletion): string =>
    name ?? call.broker.cluster.nameOf(call.context, topicId) ?? ` ${topicId}`;
  const { once, twice } = byOccurrence(asked, nameOf);
  const answers = await mapInTurns(call.door.clock, once, async ({ name, topicId }) => {
    try {
      return await deleteOne(name, topicId, call);
    } catch (error) {
      return { name, topicId, errorCode: codeOf(error), errorMessage: messageOf(error) };
    }
  });
  const repeated = new Set(twice);
  const named = new Map<string, AskedDeletion>();
  for (const each of asked) {
    const key = nameOf(each);
    const { name = null, topicId = zeroUuid } = named.get(key) ?? {};
    const told = {
      name: name ?? each.name,
      topicId: topicId === zeroUuid ? each.topicId : topicId,
    };
    if (repeated.has(key)) named.set(key, told);
  }
  const refused = Array.from(named.values(), (told) => ({
    ...told,
    errorCode: codeFor("invalid_request"),
    errorMessage: namedTwice,
  }));
  return [...answers, ...refused];
}

async function deleteOne(name: string | null, id: string, { broker, context }: Call) {
  if ((name === null) === (id === zeroUuid)) {
    throw new Refusal("invalid_request", "A topic is given by name or by id, one of the two.");
  }
  const byId = name === null ? broker.cluster.topicById(context, id) : null;
  if (name === null && !byId) throw new Refusal("unknown_topic_id", `There is no topic ${id}.`);
  const named = byId?.name ?? name ?? "";
  const topicId = byId?.id ?? broker.cluster.topic(context, named)?.id ?? zeroUuid;
  await broker.deleteTopic(context, named);
  return { name: named, topicId, errorCode: NONE, errorMessage: null };
}

interface AskedGrowth {
  readonly name: string;
  readonly count: number;
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
}

export async function growEach(
  request: { readonly topics: readonly AskedGrowth[]; readonly validateOnly: boolean },
  { broker, context, door }: Call,
) {
  const { once, twice } = byOccurrence(request.topics, ({ name }) => name);
  const tooMany = pastTheMost(once, (name) => broker.cluster.partitionsOf(context, name));
  const answers = await mapInTurns(door.clock, once, async ({ name, count, assignments }) => {
    const replicas = assignments?.map(({ brokerIds }) => brokerIds) ?? null;
    const options = { assignments: replicas, validateOnly: request.validateOnly };
    try {
      // Kafka has no name for it here.
      if (tooMany.has(name)) throw new Refusal("unknown_server_error", tooManyPartitions);
      await broker.admin.addPartitions(context, name, count, options);
      return { name, errorCode: NONE };
    } catch (error) {
      return { name, errorCode: codeOf(error), errorMessage: messageOf(error) };
    }
  });
  const refused = twice.map((name) => ({
    name,
    errorCode: codeFor("invalid_request"),
    errorMessage: namedTwice,
  }));
  return [...answers, ...refused];
}

/** The topics whose partitions are more than the request may add to those before them. */
function pastTheMost(
  topics: readonly AskedGrowth[],
  countOf: (name: string) => number,
): ReadonlySet<string> {
  const past = new Set<string>();
  let sum = 0;
  for (const { name, count } of topics) {
    const current = countOf(name);
    const added = current > 0 ? Math.max(0, count - current) : 0;
    if (sum + added > PARTITIONS_PER_REQUEST_MAX) past.add(name);
    else sum += added;
  }
  return past;
}

/** Those that are there once, and the keys of those that are there more often. */
function byOccurrence<T>(items: readonly T[], keyOf: (item: T) => string) {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return {
    once: items.filter((item) => counts.get(keyOf(item)) === 1),
    twice: [...counts].filter(([, count]) => count > 1).map(([key]) => key),
  };
}
