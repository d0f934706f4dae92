/**
 * What metadata without a checksum must look like, to the last key: it was stored before there were checksums, and this finds what
 * a flipped bit made of its structure. Left out: damage within a name or a value, which nothing tells from what was meant.
 */
import * as v from "valibot";
import type { ClientQuota, Command } from "./commands.ts";
import type { ImageSnapshot } from "./image.ts";

const version = v.literal(0);
const name = v.pipe(v.string(), v.nonEmpty());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const nodeId = v.pipe(v.number(), v.safeInteger(), v.minValue(-1));
const digits = v.pipe(v.string(), v.regex(/^\d{1,19}$/));
const resource = v.picklist(["topic", "broker", "group", "client-metrics"]);

const entity: v.GenericSchema<unknown, ClientQuota["entity"]> = v.array(
  v.strictTuple([name, v.nullable(v.string())]),
);

const partition = {
  index: count,
  replicas: v.pipe(v.array(count), v.minLength(1)),
  inSyncReplicas: v.array(count),
  leader: nodeId,
  leaderEpoch: count,
  partitionEpoch: count,
};

const command: v.GenericSchema<unknown, Command> = v.variant("type", [
  v.strictObject({
    type: v.literal("register-broker"),
    version,
    nodeId: count,
    incarnationId: name,
  }),
  v.strictObject({ type: v.literal("topic"), version, name, id: name }),
  v.strictObject({ type: v.literal("partition"), version, topicId: name, ...partition }),
  v.strictObject({ type: v.literal("remove-topic"), version, id: name }),
  v.strictObject({
    type: v.literal("config"),
    version,
    resource,
    name: v.string(),
    key: name,
    value: v.nullable(v.string()),
  }),
  v.strictObject({
    type: v.literal("client-quota"),
    version,
    entity,
    key: name,
    value: v.nullable(v.number()),
  }),
  v.strictObject({ type: v.literal("feature-level"), version, name, level: count }),
  v.strictObject({ type: v.literal("producer-ids"), version, next: digits }),
]);

const imageBeforeQuotas = {
  index: count,
  brokers: v.array(v.strictObject({ nodeId: count, incarnationId: name, epoch: count })),
  topics: v.array(
    v.strictObject({ name, id: name, partitions: v.array(v.strictObject(partition)) }),
  ),
  configs: v.array(v.strictTuple([resource, v.string(), name, v.string()])),
  features: v.array(v.strictTuple([name, count])),
  nextProducerId: digits,
};

const image: v.GenericSchema<unknown, ImageSnapshot> = v.variant("version", [
  v.strictObject({ version: v.literal(0), ...imageBeforeQuotas }),
  v.strictObject({
    version: v.literal(1),
    ...imageBeforeQuotas,
    quotas: v.array(v.strictTuple([entity, name, v.number()])),
  }),
]);

/** Throws where it is no command that this program knows. */
export function checkCommand(stored: unknown): void {
  v.parse(command, stored);
}

/** Throws where it is no image of a version that this program knows. */
export function strictImage(stored: unknown): ImageSnapshot {
  return v.parse(image, stored);
}
