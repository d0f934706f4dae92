/**
 * What Metadata tells: who serves at the client's own listener, and where each topic's partitions are led.
 *
 * - A topic that is not there is made on first use where both the node and the request allow it, and told at once.
 * - With an id in the request names do not count, as in Kafka.
 */
import { isInternal } from "../../broker/access.ts";
import { isTopicName } from "../../lib/topic-name.ts";
import type { TopicPlaces } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { notAsked, operations } from "./authorized-operations.ts";
import type { Call } from "../call.ts";
import { codeFor, codeOf, NONE } from "../error-codes.ts";

type ToldTopic = ReturnType<typeof told> | ReturnType<typeof missing>;

interface Asked {
  readonly topics: readonly { readonly name: string | null; readonly topicId: string }[] | null;
  readonly allowAutoTopicCreation: boolean;
  readonly includeClusterAuthorizedOperations: boolean;
  readonly includeTopicAuthorizedOperations: boolean;
}

/** Topics are asked for by id from this version on. */
const ID_VERSION = 12;
/** One request makes at most as many topics; the others are made when it is sent again. */
const CREATED_MAX = 100;
/** Topics whose answer is built before others get their turn. */
const TOPICS_PER_TURN = 500;

export async function metadataOf(asked: Asked, call: Call) {
  const { door, context, broker } = call;
  // Before v1 there was no null: an empty list asked for all.
  const all = asked.topics === null || (asked.topics.length === 0 && call.version === 0);
  if (!all) return answerOf(asked, call, await topicsOf(asked, call));
  const { includeClusterAuthorizedOperations, includeTopicAuthorizedOperations } = asked;
  const question = [includeClusterAuthorizedOperations, includeTopicAuthorizedOperations];
  const key = `${context.listener} ${question.join(" ")}`;
  const version = broker.cluster.version(context);
  return call.reuse(
    await door.metadata.get(version, key, async () =>
      answerOf(asked, call, await allTopics(call, authorizedOf(asked))),
    ),
  );
}

function answerOf(asked: Asked, call: Call, topics: readonly ToldTopic[]) {
  const { broker, context, nodes } = call;
  const { clusterId, controllerId } = broker.describeNode(context);
  return {
    throttleTimeMs: 0,
    brokers: nodes,
    clusterId,
    controllerId,
    topics,
    clusterAuthorizedOperations: asked.includeClusterAuthorizedOperations
      ? operations.cluster
      : notAsked,
    errorCode: NONE,
  };
}

function authorizedOf({ includeTopicAuthorizedOperations }: Asked): number {
  return includeTopicAuthorizedOperations ? operations.topic : notAsked;
}

async function topicsOf(asked: Asked, call: Call): Promise<readonly ToldTopic[]> {
  const topics = asked.topics ?? [];
  const { cluster } = call.broker;
  const authorized = authorizedOf(asked);
  checkAsked(topics, call.version);
  const ids = new Set(topics.map(({ topicId }) => topicId).filter((id) => id !== zeroUuid));
  if (ids.size > 0) {
    return someAtATime([...ids], call, (id) => {
      const found = cluster.topicById(call.context, id);
      return found ? told(found, authorized) : missing(null, id, codeFor("unknown_topic_id"));
    });
  }
  if (topics.some(({ name }) => name === null))
    throw new Refusal("unknown_server_error", "A topic is asked for by neither name nor id.");
  const names = [...new Set(topics.map(({ name }) => name ?? ""))];
  const mayCreate = asked.allowAutoTopicCreation && call.door.autoCreateTopics;
  const failures = mayCreate ? await createMissing(names, call) : new Map<string, number>();
  return someAtATime(names, call, (name) => {
    const found = cluster.topic(call.context, name);
    if (found) return told(found, authorized);
    const absent = isTopicName(name) ? "unknown_topic_or_partition" : "invalid_topic_exception";
    return missing(name, zeroUuid, failures.get(name) ?? codeFor(absent));
  });
}

function allTopics(call: Call, authorized: number): Promise<ToldTopic[]> {
  const topics = call.broker.cluster.topics(call.context);
  return someAtATime(topics, call, (topic) => told(topic, authorized));
}

async function someAtATime<T>(
  items: Iterable<T>,
  call: Call,
  tell: (item: T) => ToldTopic,
): Promise<ToldTopic[]> {
  const all: ToldTopic[] = [];
  for (const item of items) {
    all.push(tell(item));
    if (all.length % TOPICS_PER_TURN === 0) await call.door.clock.turn();
  }
  return all;
}

function checkAsked(topics: NonNullable<Asked["topics"]>, version: number): void {
  if (version >= ID_VERSION) return;
  if (topics.every(({ name, topicId }) => name !== null && topicId === zeroUuid)) return;
  throw new Refusal("invalid_request", `Topics are asked for by id from version ${ID_VERSION} on.`);
}

/** Makes the topics that are not there; gives the codes of those that could not be made. */
async function createMissing(names: readonly string[], call: Call): Promise<Map<string, number>> {
  const { broker, context } = call;
  const failures = new Map<string, number>();
  const wanted = names.filter((name) => !broker.cluster.topic(context, name));
  const create = async (name: string): Promise<void> => {
    try {
      await broker.createTopic(context, {
        name,
        partitions: -1,
        replicationFactor: -1,
        configs: {},
      });
    } catch (error) {
      const code = codeOf(error);
      if (code === codeFor("topic_already_exists")) return;
      // Internal topics are made by the node itself when it needs them.
      const internal = code === codeFor("topic_authorization_failed");
      failures.set(name, internal ? codeFor("unknown_topic_or_partition") : code);
    }
  };
  await Promise.all(wanted.slice(0, CREATED_MAX).map(create));
  return failures;
}

function told({ name, id, internal, partitions }: TopicPlaces, authorized: number) {
  return {
    errorCode: NONE,
    name,
    topicId: id,
    isInternal: internal,
    partitions: partitions.map(({ index, leader, leaderEpoch, replicas, inSyncReplicas }) => ({
      errorCode: NONE,
      partitionIndex: index,
      leaderId: leader,
      leaderEpoch,
      replicaNodes: replicas,
      isrNodes: inSyncReplicas,
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: authorized,
  };
}

function missing(name: string | null, topicId: string, errorCode: number) {
  return { errorCode, name, topicId, isInternal: isInternal(name ?? ""), partitions: [] };
}
