/**
 * Topics: make, list, describe, alter, delete; and the removal of records below an offset.
 */
import type { InferOutput } from "valibot";
import type { TopicDescription, TopicSummary } from "../../broker/verbs.ts";
import { json, empty, type Reply } from "../answers/reply.ts";
import { defineRoute } from "../route.ts";
import { noQuery, partitionParams, topicParams } from "../schema/shapes.ts";
import {
  alterTopicBody,
  createTopicBody,
  deletedRecords,
  deleteRecordsBody,
  listTopicsQuery,
  topicDescription,
  topicList,
} from "../schema/topic.ts";

const TAG = "topics";
const PAGE_DEFAULT = 100;

const described = {
  description: "The topic.",
  content: { "application/json": topicDescription },
};

export const createTopic = defineRoute({
  method: "POST",
  path: "/v1/topics",
  tag: TAG,
  summary: "Make a topic",
  description:
    "Partitions default to the node's `num.partitions`; configs carry Kafka's names. `validate_only` checks and changes nothing.",
  query: noQuery,
  body: createTopicBody,
  responses: {
    200: { ...described, description: "The topic as it would be (`validate_only`)." },
    201: { ...described, headers: { Location: "Where the topic is described." } },
  },
  async handle({ door, context, body }) {
    const topic = await door.broker.createTopic(context, {
      name: body.name,
      partitions: body.partitions ?? -1,
      replicationFactor: body.replication_factor ?? -1,
      configs: body.configs ?? {},
      validateOnly: body.validate_only ?? false,
    });
    if (body.validate_only) return json(describe(topic));
    return json(describe(topic), 201, { location: `/v1/topics/${encodeURIComponent(topic.name)}` });
  },
});

export const listTopics = defineRoute({
  method: "GET",
  path: "/v1/topics",
  tag: TAG,
  summary: "List topics by name",
  description: "At most `limit` a page (100); ask on with `after` = the `next` of the answer.",
  query: listTopicsQuery,
  responses: {
    200: { description: "One page.", content: { "application/json": topicList } },
  },
  handle({ door, context, query }): Reply {
    const limit = Math.min(query.limit ?? PAGE_DEFAULT, door.limits.pageMax);
    const after = query.after;
    const rest = door.broker
      .listTopics(context)
      .filter((topic) => (query.internal ?? false) || !topic.internal)
      .filter((topic) => after === undefined || topic.name > after);
    const page = rest.slice(0, limit);
    const next = rest.length > limit ? (page.at(-1)?.name ?? null) : null;
    return json({ topics: page.map(summarize), next } satisfies InferOutput<typeof topicList>);
  },
});

export const getTopic = defineRoute({
  method: "GET",
  path: "/v1/topics/{topic}",
  tag: TAG,
  summary: "Describe a topic",
  params: topicParams,
  query: noQuery,
  responses: { 200: described },
  handle({ door, context, params }): Reply {
    return json(describe(door.broker.describeTopic(context, params.topic)));
  },
});

export const alterTopic = defineRoute({
  method: "PATCH",
  path: "/v1/topics/{topic}",
  tag: TAG,
  summary: "Add partitions, change configs",
  description:
    "`partitions` is the new number, only ever more; a config of null goes back to its default.",
  params: topicParams,
  query: noQuery,
  body: alterTopicBody,
  responses: { 200: described },
  async handle({ door, context, params, body }) {
    const change = {
      ...(body.partitions === undefined ? {} : { partitions: body.partitions }),
      ...(body.configs === undefined ? {} : { configs: body.configs }),
    };
    return json(describe(await door.broker.alterTopic(context, params.topic, change)));
  },
});

export const deleteTopic = defineRoute({
  method: "DELETE",
  path: "/v1/topics/{topic}",
  tag: TAG,
  summary: "Delete a topic and its records",
  params: topicParams,
  query: noQuery,
  responses: { 204: { description: "The topic is gone." } },
  async handle({ door, context, params }) {
    await door.broker.deleteTopic(context, params.topic);
    return empty(204);
  },
});

export const deleteRecords = defineRoute({
  method: "POST",
  path: "/v1/topics/{topic}/partitions/{partition}/delete-records",
  tag: TAG,
  summary: "Remove the records below an offset",
  description:
    "`before` is the first offset that stays; -1: everything up to the high watermark goes.",
  params: partitionParams,
  query: noQuery,
  body: deleteRecordsBody,
  responses: {
    200: { description: "The new log start.", content: { "application/json": deletedRecords } },
  },
  async handle({ door, context, params, body }) {
    const { topic, partition } = params;
    const start = await door.broker.deleteRecords(context, topic, partition, body.before);
    return json({ log_start: start } satisfies InferOutput<typeof deletedRecords>);
  },
});

function summarize(topic: TopicSummary) {
  return {
    name: topic.name,
    id: topic.id,
    partitions: topic.partitions,
    replication_factor: topic.replicationFactor,
    internal: topic.internal,
  };
}

function describe(topic: TopicDescription): InferOutput<typeof topicDescription> {
  return {
    ...summarize(topic),
    partition_list: topic.partitionList.map((partition) => ({
      partition: partition.index,
      leader: partition.leader,
      epoch: partition.epoch,
      replicas: [...partition.replicas],
      isr: [...partition.inSyncReplicas],
      log_start: partition.logStart,
      high_watermark: partition.highWatermark,
      last_stable: partition.lastStable,
      bytes: partition.bytes,
    })),
    configs: Object.fromEntries(
      topic.configs.map(({ name, value, source }) => [name, { value, source }]),
    ),
  };
}
