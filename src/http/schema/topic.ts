/** Bodies of the topic routes. */
import * as v from "valibot";
import {
  flagText,
  integer,
  integerText,
  OFFSET_MAX,
  texts,
  wellFormedText,
  withExample,
} from "./shapes.ts";

const PARTITIONS_MAX = 10_000;

const CONFIG_LENGTH_MAX = 4_096;
const CONFIG_NAME_LENGTH_MAX = 256;

const configText = v.pipe(
  wellFormedText("must be text"),
  v.maxLength(CONFIG_LENGTH_MAX, "is too long"),
);
const configs = texts(configText, {
  nameLengthMax: CONFIG_NAME_LENGTH_MAX,
  valueShape: { type: "string", maxLength: CONFIG_LENGTH_MAX },
});
/** Null takes a config back to its default. */
const configChanges = texts(v.nullable(configText), {
  nameLengthMax: CONFIG_NAME_LENGTH_MAX,
  valueShape: { type: ["string", "null"], maxLength: CONFIG_LENGTH_MAX },
});

export const createTopicBody = v.strictObject({
  name: wellFormedText("must be text"),
  partitions: v.optional(integer(-1, PARTITIONS_MAX)),
  replication_factor: v.optional(integer(-1, 32_767)),
  configs: v.optional(configs),
  validate_only: v.optional(v.boolean("must be true or false")),
});

export const alterTopicBody = v.strictObject({
  partitions: v.optional(integer(1, PARTITIONS_MAX)),
  configs: v.optional(configChanges),
});

/** Required, so that nobody deletes everything by leaving something out. */
export const deleteRecordsBody = withExample(v.strictObject({ before: integer(-1, OFFSET_MAX) }), {
  before: 100,
});

export const listTopicsQuery = v.strictObject({
  limit: v.optional(integerText(1, 1_000)),
  after: v.optional(v.pipe(v.string(), v.maxLength(249, "is too long"))),
  internal: v.optional(flagText()),
});

const offset = v.pipe(v.number(), v.integer());

const topicSummary = v.object({
  name: v.string(),
  id: v.string(),
  partitions: offset,
  replication_factor: offset,
  internal: v.boolean(),
});

export const topicList = v.object({
  topics: v.array(topicSummary),
  /** Ask again with `after=` this for the next page; null on the last. */
  next: v.nullable(v.string()),
});

export const topicDescription = v.object({
  ...topicSummary.entries,
  partition_list: v.array(
    v.object({
      partition: offset,
      leader: offset,
      epoch: offset,
      replicas: v.array(offset),
      isr: v.array(offset),
      log_start: offset,
      high_watermark: offset,
      last_stable: offset,
      bytes: offset,
    }),
  ),
  configs: v.record(
    v.string(),
    v.object({ value: v.string(), source: v.picklist(["topic", "node", "default"]) }),
  ),
});

export const deletedRecords = v.object({ log_start: offset });

export const nodeDescription = v.object({
  cluster_id: v.string(),
  node_id: offset,
  controller_id: offset,
  version: v.string(),
  topics: offset,
  partitions: offset,
});
