/**
 * Groups as a whole: list, describe, delete, their offsets and how far they lag.
 */
import type { InferOutput } from "valibot";
import { assignedPartitions, lagOf } from "../../broker/groups/lag.ts";
import { notCommitted } from "../../broker/groups/not-committed.ts";
import type { Context } from "../../broker/verbs.ts";
import { readAssignment } from "../../coordinators/classic/consumer-protocol.ts";
import { mapAsync } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import { problemOf } from "../answers/problem.ts";
import { empty, json, type Reply } from "../answers/reply.ts";
import { defineRoute, type Door } from "../route.ts";
import {
  commitBody,
  committedOffsets,
  groupDescription,
  groupLag,
  groupList,
  groupOffsets,
  groupParams,
  listGroupsQuery,
} from "../schema/group.ts";
import { noQuery } from "../schema/shapes.ts";

const TAG = "groups";
const PAGE_DEFAULT = 100;

export const listGroups = defineRoute({
  method: "GET",
  path: "/v1/groups",
  tag: TAG,
  summary: "List groups by name",
  description: "At most `limit` a page (100); ask on with `after` = the `next` of the answer.",
  query: listGroupsQuery,
  responses: { 200: { description: "One page.", content: { "application/json": groupList } } },
  handle({ door, context, query }): Reply {
    const limit = Math.min(query.limit ?? PAGE_DEFAULT, door.limits.pageMax);
    const { after } = query;
    const rest = door.broker.groups
      .list(context)
      .filter(({ group }) => after === undefined || group > after)
      .toSorted((left, right) => (left.group < right.group ? -1 : 1));
    const groups = rest.slice(0, limit).map(({ group, type, state, protocolType }) => ({
      group,
      type,
      state,
      protocol_type: protocolType,
    }));
    const next = rest.length > limit ? (groups.at(-1)?.group ?? null) : null;
    return json({ groups, next } satisfies InferOutput<typeof groupList>);
  },
});

export const getGroup = defineRoute({
  method: "GET",
  path: "/v1/groups/{group}",
  tag: TAG,
  summary: "Describe a group",
  description:
    "What members of a classic group are assigned is null while they rebalance, and where they are no consumers of Kafka's: only " +
    "they know it then.",
  params: groupParams,
  query: noQuery,
  responses: {
    200: { description: "The group.", content: { "application/json": groupDescription } },
  },
  handle({ door, context, params }): Reply {
    const known = door.broker.groups.list(context).find(({ group }) => group === params.group);
    if (known?.type === "classic") return json(describeClassic(door, context, params.group));
    return json(describeConsumer(door, context, params.group));
  },
});

type Description = InferOutput<typeof groupDescription>;

function describeConsumer({ broker }: Door, context: Context, group: string): Description {
  const found = broker.groups.describeConsumer(context, group);
  const named = (held: (typeof found.members)[number]["target"]) =>
    held.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] }));
  return {
    group,
    type: "consumer",
    state: found.state,
    protocol_type: "consumer",
    epoch: found.epoch,
    assignment_epoch: found.assignmentEpoch,
    assignor: found.assignor,
    members: found.members.map((member) => ({
      member_id: member.memberId,
      instance_id: member.instanceId,
      client_id: member.clientId,
      client_host: member.clientHost,
      member_epoch: member.memberEpoch,
      topics: [...member.topicNames],
      topic_regex: member.topicRegex === "" ? null : member.topicRegex,
      assignment: named(member.assigned),
      target: named(member.target),
    })),
  };
}

function describeClassic({ broker }: Door, context: Context, group: string): Description {
  const found = broker.groups.describeClassic(context, group);
  const isReadable = found.state === "Stable" && found.protocolType === "consumer";
  const assigned = (assignment: Uint8Array) =>
    readAssignment(assignment)?.assigned.map(({ topic, partitions }) => ({
      topic,
      partitions: [...partitions],
    })) ?? null;
  return {
    group,
    type: "classic",
    state: found.state,
    protocol_type: found.protocolType,
    epoch: 0,
    assignment_epoch: 0,
    assignor: found.protocol,
    members: found.members.map((member) => ({
      member_id: member.memberId,
      instance_id: member.instanceId,
      client_id: member.clientId,
      client_host: member.clientHost,
      member_epoch: null,
      topics: [],
      topic_regex: null,
      assignment: isReadable ? assigned(member.assignment) : null,
      target: null,
    })),
  };
}

export const deleteGroup = defineRoute({
  method: "DELETE",
  path: "/v1/groups/{group}",
  tag: TAG,
  summary: "Delete a group without members, and its offsets",
  params: groupParams,
  query: noQuery,
  responses: { 204: { description: "The group is gone." } },
  async handle({ door, context, params }) {
    await door.broker.groups.delete(context, params.group);
    return empty(204);
  },
});

export const commitGroup = defineRoute({
  method: "POST",
  path: "/v1/groups/{group}/offsets",
  tag: TAG,
  summary: "Commit offsets",
  description:
    "An offset is the next to be read. As a member with its epoch; or without a member, to reset a group that has none.",
  params: groupParams,
  query: noQuery,
  body: commitBody,
  responses: {
    200: { description: "All committed.", content: { "application/json": committedOffsets } },
    207: { description: "Some refused.", content: { "application/json": committedOffsets } },
  },
  async handle({ door, context, params, body, id }) {
    const { member_id: memberId, member_epoch: memberEpoch, offsets } = body;
    if ((memberId === undefined) !== (memberEpoch === undefined)) {
      throw new Refusal("invalid_request", "`member_id` and `member_epoch` go together.");
    }
    const outcomes = await commit(door, context, {
      group: params.group,
      member: { memberId: memberId ?? "", instanceId: null, generation: memberEpoch ?? -1 },
      offsets: offsets.map((each) => ({ ...each, topicId: null, leaderEpoch: -1, metadata: "" })),
      knowsMemberEpochs: true,
      retentionMs: null,
    });
    const told = offsets.map(({ topic, partition }, at) => {
      const refusal = outcomes[at];
      if (!refusal) return { topic, partition, status: 200 };
      const partitions = partitionsOf(door, context, topic);
      const error = problemOf(notCommitted(refusal, topic, partition, partitions), id);
      return { topic, partition, status: error.status, error };
    });
    const refused = outcomes.some((outcome) => outcome !== null);
    return json({ offsets: told }, refused ? 207 : 200);
  },
});

/** How many partitions the topic has; null where there is none of that name. */
function partitionsOf({ broker }: Door, context: Context, topic: string): number | null {
  try {
    return broker.partitionCount(context, topic);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

type Commit = Parameters<Door["broker"]["groups"]["commitOffsets"]>[1];

/** Without a member nobody is unknown: the group has members, which is why it is refused. */
async function commit({ broker }: Door, context: Context, request: Commit) {
  try {
    return await broker.groups.commitOffsets(context, request);
  } catch (error) {
    const isUnknown = error instanceof Refusal && error.code === "unknown_member_id";
    if (!isUnknown || request.member.memberId !== "") throw error;
    throw new Refusal(
      "non_empty_group",
      `Group ${request.group} has members; stop them, or commit as one of them.`,
    );
  }
}

/** @throws Refusal group_id_not_found. */
function typeOf({ broker }: Door, context: Context, name: string): "classic" | "consumer" {
  const known = broker.groups.list(context).find(({ group }) => group === name);
  if (known) return known.type;
  throw new Refusal(
    "group_id_not_found",
    `There is no group "${name}": nobody has joined it or committed offsets for it, or its offsets have expired.`,
  );
}

/** By topic and partition; behind what the log skipped, as the Kafka door tells it. */
function committed({ broker }: Door, context: Context, group: string) {
  const all = broker.groups
    .fetchOffsets(context, group, {
      topics: null,
      requireStable: false,
      memberId: null,
      memberEpoch: -1,
    })
    .topics.flatMap(({ topic, partitions }) =>
      topic === null ? [] : partitions.map((each) => ({ ...each, topic })),
    )
    .toSorted(byPlace);
  return mapAsync(all, async (each) => ({
    ...each,
    offset: await broker.pastSkipped(context, each.topic, each.partition, each.offset),
  }));
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

function byPlace(one: Place, other: Place): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1;
  return one.partition - other.partition;
}

export const getGroupOffsets = defineRoute({
  method: "GET",
  path: "/v1/groups/{group}/offsets",
  tag: TAG,
  summary: "What a group has committed",
  params: groupParams,
  query: noQuery,
  responses: {
    200: { description: "The offsets.", content: { "application/json": groupOffsets } },
  },
  async handle({ door, context, params }) {
    typeOf(door, context, params.group);
    const all = await committed(door, context, params.group);
    const offsets = all.map(({ topic, partition, offset, metadata }) => ({
      topic,
      partition,
      offset,
      metadata,
    }));
    return json({ offsets } satisfies InferOutput<typeof groupOffsets>);
  },
});

export const getGroupLag = defineRoute({
  method: "GET",
  path: "/v1/groups/{group}/lag",
  tag: TAG,
  summary: "How far a group is behind",
  description:
    "Of what it has committed, and of what its members are assigned: where nothing is committed all that the log has counts. " +
    "As in Kafka offsets are counted, not records; those that a power cut or a restore skipped are no lag for who had read " +
    "all before them.",
  params: groupParams,
  query: noQuery,
  responses: { 200: { description: "The lag.", content: { "application/json": groupLag } } },
  async handle({ door, context, params }) {
    const { group } = params;
    const type = typeOf(door, context, group);
    const places = new Map<string, { topic: string; partition: number; offset: number | null }>();
    const owners = new Map<string, string>();
    const key = (topic: string, partition: number): string => `${partition} ${topic}`;
    for (const { topic, partition, offset } of await committed(door, context, group)) {
      places.set(key(topic, partition), { topic, partition, offset });
    }
    for (const { topic, partition, memberId } of assignedPartitions(door.broker.groups, context, {
      group,
      type,
    })) {
      const at = key(topic, partition);
      owners.set(at, memberId);
      if (!places.has(at)) places.set(at, { topic, partition, offset: null });
    }
    const partitions = await mapAsync([...places.values()].toSorted(byPlace), async (place) => {
      const spec = { at: "latest", isolation: "read_committed" } as const;
      const found = await endOf(door, context, place, spec);
      return {
        ...place,
        end: found.offset,
        lag: lagOf(place.offset, found.logStart, found.offset),
        member_id: owners.get(key(place.topic, place.partition)) ?? null,
      };
    });
    const lag = partitions.reduce((sum, each) => sum + each.lag, 0);
    return json({ lag, partitions } satisfies InferOutput<typeof groupLag>);
  },
});

/** A partition that is gone since has nothing that could be behind. */
async function endOf(
  { broker }: Door,
  context: Context,
  { topic, partition, offset }: { topic: string; partition: number; offset: number | null },
  spec: { readonly at: "latest"; readonly isolation: "read_committed" },
): Promise<{ readonly offset: number; readonly logStart: number }> {
  try {
    return await broker.findOffset(context, topic, partition, spec);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { offset: offset ?? 0, logStart: 0 };
  }
}
