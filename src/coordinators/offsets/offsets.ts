/**
 * A group's offsets, step by step: commits by members and by others, within and without a transaction, and their end.
 *
 * - One offset that is refused (metadata too long) fails by itself; the others of the request stand.
 * - Offsets expire once nobody needs them for the retention time (KIP-211), and with their topic; an empty group without
 *   offsets goes with them.
 * - What goes by itself goes some at a time, however many offsets a group has: the rest with a timer, at once.
 * - Transactional offsets are kept aside until the marker; a later plain commit of the partition wins over them.
 */
import { Refusal } from "../../lib/refusal.ts";
import { sessionTimer } from "../classic/draft.ts";
import { emptyClassicGroup } from "../classic/state.ts";
import type { PartitionCheck } from "../consumer/offsets.ts";
import type { Group, GroupEffect, GroupEnv, GroupInput } from "../groups/group.ts";
import { offsetRecord, offsetTombstone } from "../groups/records.ts";
import {
  checkCommit,
  checkDeletable,
  checkOffsetsDeletable,
  isEmpty,
  isExpected,
  isSubscribed,
  memberAlive,
  membershipTombstones,
  unusedSinceMs,
} from "../groups/membership.ts";
import {
  type CommittedOffset,
  type GroupOffsets,
  type NewOffset,
  noOffsets,
  type OffsetInput,
  type OffsetOutcome,
  type OffsetTable,
} from "./state.ts";
import { endTransaction, isPending, OffsetDraft, offsetOf, offsetsIn } from "./table.ts";
import { type CoordinatorRecord, reply, type Step, type TimerChange, unchanged } from "../step.ts";

/** Offsets that a sweep or a deleted topic takes in one step: 2 ms. */
const GONE_PER_STEP = 1_000;

type GroupStep = Step<Group, GroupInput, GroupEffect>;
type Input<Type extends OffsetInput["type"]> = Extract<OffsetInput, { readonly type: Type }>;

/** `group` is null when there is none of that id. */
export function stepOffsets(
  id: string,
  group: Group | null,
  input: OffsetInput,
  env: GroupEnv,
): GroupStep {
  switch (input.type) {
    case "commit":
      return commit(id, group, input, env);
    case "transactional-commit":
      return commitInTransaction(id, group, input, env);
    case "delete-offsets":
      return deleteOffsets(known(id, group), input);
    case "delete-group":
      return deleteGroup(known(id, group), input);
    case "sweep":
      return group ? sweep(group, env) : unchanged<Group, GroupInput, GroupEffect>(null);
    case "topics-deleted":
      return group
        ? forgetTopics(group, input, env)
        : unchanged<Group, GroupInput, GroupEffect>(null);
    case "marker":
      return group ? endOf(group, input) : unchanged<Group, GroupInput, GroupEffect>(null);
    default:
      return input satisfies never;
  }
}

function known(id: string, group: Group | null): Group {
  if (group) return group;
  throw new Refusal("group_id_not_found", `There is no group "${id}".`);
}

/** Who is in no group may commit where there is none yet: the group comes to be by it. */
function groupFor(
  id: string,
  group: Group | null,
  { member, ...input }: Input<"commit"> | Input<"transactional-commit">,
  env: GroupEnv,
): Group {
  if (group) return group;
  if (member.generation < 0) {
    return { id, members: emptyClassicGroup(id, env.nowMs), offsets: noOffsets };
  }
  if (input.type === "commit" && input.knowsMemberEpochs) return known(id, group);
  throw new Refusal("illegal_generation", `There is no group "${id}"; join it first.`);
}

function commit(
  id: string,
  before: Group | null,
  input: Input<"commit">,
  env: GroupEnv,
): GroupStep {
  const group = groupFor(id, before, input, env);
  const { member, knowsMemberEpochs: knowsEpochs } = input;
  const mayCommit = checkCommit(group.members, { ...member, transactional: false, knowsEpochs });
  checkPartitions(input.offsets, env, mayCommit);
  const alive = memberAlive(group.members, member);
  const timers: TimerChange<GroupInput>[] = alive
    ? [
        {
          name: sessionTimer(alive.id),
          afterMs: alive.sessionTimeoutMs,
          input: { type: "session-timeout", memberId: alive.id },
        },
      ]
    : [];
  const expireMs = expiryOf(input.retentionMs, env.nowMs);
  const draft = new OffsetDraft(group.offsets.committed);
  const taken = takeOffsets(group, draft, input.offsets, expireMs, env);
  return {
    next:
      taken.records.length === 0
        ? before
        : { ...group, offsets: { ...group.offsets, ...taken.order, committed: draft.table } },
    records: taken.records,
    replies: [reply(input.ticket, taken.outcomes)],
    timers,
    effects: [],
  };
}

function commitInTransaction(
  id: string,
  before: Group | null,
  input: Input<"transactional-commit">,
  env: GroupEnv,
): GroupStep {
  const group = groupFor(id, before, input, env);
  const asked = { ...input.member, transactional: true, knowsEpochs: true };
  checkPartitions(input.offsets, env, checkCommit(group.members, asked));
  const { transaction } = input;
  const producerId = transaction?.producerId;
  const kept = producerId === undefined ? undefined : group.offsets.pending.get(producerId);
  const draft = new OffsetDraft(kept ?? new Map());
  const { records, outcomes, order } = takeOffsets(group, draft, input.offsets, null, env);
  const replies = [reply(input.ticket, outcomes)];
  if (!transaction || producerId === undefined || records.length === 0) {
    return unchanged(before, { replies });
  }
  const pending = new Map(group.offsets.pending).set(producerId, draft.table);
  return {
    next: { ...group, offsets: { ...group.offsets, ...order, pending } },
    records,
    transaction,
    replies,
    timers: [],
    effects: [],
  };
}

/** One partition that may not be committed fails all of them, as in Kafka. */
function checkPartitions(
  offsets: readonly NewOffset[],
  { image }: GroupEnv,
  check: PartitionCheck,
): void {
  for (const { topic, topicId, partition } of offsets) {
    const refusal = check(topicId ?? image.topic(topic)?.id ?? null, partition);
    if (refusal) throw refusal;
  }
}

function takeOffsets(
  group: Group,
  draft: OffsetDraft,
  offsets: readonly NewOffset[],
  expireMs: number | null,
  env: GroupEnv,
): {
  records: CoordinatorRecord[];
  outcomes: OffsetOutcome[];
  order: Pick<GroupOffsets, "nextOrder">;
} {
  const records: CoordinatorRecord[] = [];
  let { nextOrder } = group.offsets;
  const outcomes = offsets.map(({ topic, partition, ...offset }): OffsetOutcome => {
    if (offset.metadata.length > env.config.offsetMetadataBytesMax) {
      return "offset_metadata_too_large";
    }
    const committed: CommittedOffset = {
      offset: offset.offset,
      leaderEpoch: offset.leaderEpoch,
      metadata: offset.metadata,
      topicId: offset.topicId,
      commitMs: env.nowMs,
      expireMs,
      order: nextOrder++,
    };
    draft.put(topic, partition, committed);
    records.push(offsetRecord(group.id, topic, partition, committed));
    return null;
  });
  return { records, outcomes, order: { nextOrder } };
}

/** Null leaves it to the group's retention; a client may ask for longer than a number can say. */
function expiryOf(retentionMs: number | null, nowMs: number): number | null {
  return retentionMs === null ? null : Math.min(nowMs + retentionMs, Number.MAX_SAFE_INTEGER);
}

function deleteOffsets(group: Group, { partitions, ticket }: Input<"delete-offsets">): GroupStep {
  checkOffsetsDeletable(group.members);
  const { offsets } = group;
  const gone: Place[] = [];
  const outcomes = partitions.map(({ topic, partition }): OffsetOutcome => {
    if (isSubscribed(group.members, topic)) return "group_subscribed_to_topic";
    const there = offsetOf(offsets.committed, topic, partition);
    if (there || isPending(offsets, topic, partition)) gone.push({ topic, partition });
    return null;
  });
  return { ...without(group, gone), replies: [reply(ticket, outcomes)] };
}

function deleteGroup(group: Group, { ticket }: Input<"delete-group">): GroupStep {
  checkDeletable(group.members);
  return { ...gone(group), replies: [reply(ticket, "deleted")] };
}

function sweep(group: Group, env: GroupEnv): GroupStep {
  const { members, offsets } = group;
  const expired: Place[] = [];
  let left = 0;
  for (const { topic, partition, committed } of offsetsIn(offsets.committed)) {
    const isOver =
      isOfAnother(topic, committed, env) ||
      (!isSubscribed(members, topic) && hasExpired(group, committed, env));
    if (isOver && !isPending(offsets, topic, partition)) expired.push({ topic, partition });
    else left += 1;
    // The others are for the next step.
    if (expired.length === GONE_PER_STEP) break;
  }
  if (expired.length === GONE_PER_STEP) {
    const some = without(group, expired);
    return { ...some, timers: [{ name: "sweep", afterMs: 0, input: { type: "sweep" } }] };
  }
  if (left === 0 && offsets.pending.size === 0 && isEmpty(members) && !isExpected(members)) {
    return gone(group);
  }
  return without(group, expired);
}

function hasExpired({ members }: Group, committed: CommittedOffset, env: GroupEnv): boolean {
  if (committed.expireMs !== null) return env.nowMs >= committed.expireMs;
  const sinceMs = unusedSinceMs(members, committed);
  return sinceMs !== null && env.nowMs - sinceMs >= env.config.offsetsRetentionMs;
}

/** The topic was deleted, or another of the same name has taken its place. */
function isOfAnother(
  topic: string,
  { topicId }: CommittedOffset,
  { image }: Pick<GroupEnv, "image">,
): boolean {
  return topicId !== null && image.topic(topic)?.id !== topicId;
}

/** What is committed once this has begun is of another topic of the same name, as is what says so itself. */
function forgetTopics(
  group: Group,
  { topics, orderBelow = group.offsets.nextOrder }: Input<"topics-deleted">,
  env: GroupEnv,
): GroupStep {
  const gone = placesOf(group, topics, (topic, { order, topicId }) => {
    return order < orderBelow && (topicId === null || topicId !== env.image.topic(topic)?.id);
  });
  if (gone.length <= GONE_PER_STEP) return without(group, gone);
  const name = `topics-deleted ${[...topics].join(" ")}`;
  const input = { type: "topics-deleted", topics, orderBelow } as const;
  const some = without(group, gone.slice(0, GONE_PER_STEP));
  return { ...some, timers: [{ name, afterMs: 0, input }] };
}

/** Places of which nothing is known but what goes; where something newer is known, the next sweep takes the older. */
function placesOf(
  { offsets: { committed, pending } }: Group,
  topics: ReadonlySet<string>,
  goes: (topic: string, committed: CommittedOffset) => boolean,
): Place[] {
  const places: Place[] = [];
  const tables = [committed, ...pending.values()];
  for (const topic of topics) {
    const going = new Map<number, boolean>();
    for (const table of tables) {
      for (const [partition, there] of table.get(topic) ?? [])
        going.set(partition, going.get(partition) !== false && goes(topic, there));
    }
    for (const [partition, isGoing] of going) if (isGoing) places.push({ topic, partition });
  }
  return places;
}

function endOf(group: Group, { transaction, committed }: Input<"marker">): GroupStep {
  const offsets = endTransaction(group.offsets, transaction.producerId, committed);
  return unchanged<Group, GroupInput, GroupEffect>({ ...group, offsets });
}

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** The group without these offsets, those of open transactions too. */
function without(group: Group, places: readonly Place[]): GroupStep {
  if (places.length === 0) return unchanged<Group, GroupInput, GroupEffect>(group);
  const cut = (table: OffsetTable): OffsetTable => {
    const draft = new OffsetDraft(table);
    for (const { topic, partition } of places) draft.delete(topic, partition);
    return draft.table;
  };
  const committed = cut(group.offsets.committed);
  const pending = new Map(
    [...group.offsets.pending]
      .map(([producerId, table]) => [producerId, cut(table)] as const)
      .filter(([, table]) => table.size > 0),
  );
  const records = places.map(({ topic, partition }) => offsetTombstone(group.id, topic, partition));
  return unchanged<Group, GroupInput, GroupEffect>(
    { ...group, offsets: { ...group.offsets, committed, pending } },
    { records },
  );
}

/**
 * Nothing is left of the group: in one unit, however much there was, since nobody could tell a group that has lost a part of its
 * offsets from one that never had them.
 */
function gone({ id, members, offsets: { committed, pending } }: Group): GroupStep {
  const places = new Map<string, Set<number>>();
  for (const table of [committed, ...pending.values()]) {
    for (const [topic, partitions] of table) {
      const known = places.get(topic) ?? new Set();
      places.set(topic, known);
      for (const partition of partitions.keys()) known.add(partition);
    }
  }
  const records: CoordinatorRecord[] = [];
  for (const [topic, partitions] of places) {
    for (const partition of partitions) records.push(offsetTombstone(id, topic, partition));
  }
  records.push(...membershipTombstones(members));
  return unchanged<Group, GroupInput, GroupEffect>(null, { records });
}
