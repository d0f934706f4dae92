/**
 * A classic group becomes a consumer group and back (KIP-848's online upgrade and downgrade), as the migration policy lets it.
 *
 * - Upgrade: a consumer member joins a classic group of consumers. Its members keep what the leader last assigned, in the
 *   generation that becomes the group epoch; who waits for a join or a sync is told to join again.
 * - Downgrade: the last member of the consumer protocol leaves, or a classic one takes its (static) place. The members keep
 *   what they have, and a rebalance begins, unless everybody has its target. (Kafka gives them their targets; but a member still
 *   holds what it has, and the group may be upgraded again before it hears of anything.)
 * - Left out of upgrades, as in Kafka: groups of other protocol types, subscriptions that cannot be read, assignors that keep
 *   data of their own in assignments.
 */
import { Refusal } from "../../lib/refusal.ts";
import { type Assignment, byText } from "./assignors/assignor.ts";
import { ClassicDraft, sessionTimer } from "../classic/draft.ts";
import { electProtocol, prepareRebalance } from "../classic/rebalance.ts";
import { type ClassicGroup, type ClassicMember, emptyClassicGroup } from "../classic/state.ts";
import { classicCount } from "./classic-members.ts";
import { ConsumerDraft } from "./draft.ts";
import { touch } from "./heartbeat.ts";
import { consumerRecord } from "./records.ts";
import {
  type ConsumerEvent,
  type ConsumerGroup,
  type ConsumerMember,
  type MemberFacts,
  stateOf,
} from "./state.ts";
import { readAssignment, readSubscription, writeAssignment } from "../classic/consumer-protocol.ts";
import type { GroupEnv } from "../groups/group.ts";
import { groupTombstone } from "../groups/records.ts";
import { type CoordinatorRecord, type Reply, reply, type TimerChange } from "../step.ts";

/** A consumer group that was a classic one; `replies` and `timers` end what the classic one had under way. */
export interface Upgrade {
  readonly draft: ConsumerDraft;
  readonly replies: readonly Reply[];
  readonly timers: readonly TimerChange<never>[];
}

/** @throws Refusal group_id_not_found where it may not be upgraded. */
export function upgrade(group: ClassicGroup, env: GroupEnv): Upgrade {
  const { replies, timers } = endOf(group);
  if (group.members.size === 0) {
    const draft = new ConsumerDraft(group.id, null, env);
    draft.records.push(groupTombstone(group.id));
    return { draft, replies, timers };
  }
  const { consumer } = env.config;
  if (consumer.migrationPolicy !== "upgrade" && consumer.migrationPolicy !== "bidirectional") {
    throw cannotUpgrade(group, "online upgrade is disabled");
  }
  if (group.protocolType !== "consumer") {
    throw cannotUpgrade(group, "the group does not use the consumer embedded protocol");
  }
  if (group.members.size > consumer.sizeMax) {
    throw cannotUpgrade(group, "the group size exceeds the consumer group maximum size");
  }
  const draft = new ConsumerDraft(group.id, null, env);
  const members = [...group.members.values()].map((member) => convert(group, member, env));
  draft.records.push(groupTombstone(group.id));
  for (const { id, facts } of members) draft.setFacts(id, facts);
  // No hash: topics may have changed since the leader assigned, and so the first heartbeat looks anew.
  draft.emit({ type: "group", epoch: group.generation, metadataHash: 0 });
  for (const { id, assignment } of members)
    draft.emit({ type: "target", memberId: id, assignment });
  draft.emit({ type: "target-epoch", epoch: group.generation, atMs: 0 });
  for (const { id, assignment } of members) {
    const epoch = group.generation;
    const assigned = new Map(
      [...assignment].map(([topic, list]) => [topic, new Map(list.map((at) => [at, epoch]))]),
    );
    const progress = { epoch, previousEpoch: epoch, state: "stable", assigned } as const;
    draft.setProgress(id, { ...progress, revoking: new Map() });
  }
  for (const { id, sessionTimeoutMs } of group.members.values()) touch(draft, id, sessionTimeoutMs);
  return { draft, replies, timers };
}

/** Who waits is told to join again, and no classic timer is left. */
function endOf(group: ClassicGroup): Pick<Upgrade, "replies" | "timers"> {
  const again = new Refusal("rebalance_in_progress", "The group is rebalancing; join again.");
  const replies: Reply[] = [];
  const names = ["join", "sync", ...[...group.pendingJoins].map(sessionTimer)];
  for (const { id, joining, syncing } of group.members.values()) {
    if (joining) replies.push(reply(joining, again));
    if (syncing) replies.push(reply(syncing, again));
    names.push(sessionTimer(id));
  }
  return { replies, timers: names.map((name) => ({ name, afterMs: null })) };
}

function convert(group: ClassicGroup, member: ClassicMember, { image }: GroupEnv) {
  const metadata = member.protocols.find(({ name }) => name === group.protocol)?.metadata;
  const subscription = readSubscription(
    metadata ?? member.protocols[0]?.metadata ?? new Uint8Array(),
  );
  const before = readAssignment(member.assignment);
  if (!subscription || !before) {
    throw cannotUpgrade(group, "the embedded consumer protocol is malformed");
  }
  if (before.hasUserData) {
    throw cannotUpgrade(
      group,
      "an unsupported custom assignor is in use. Please refer to the documentation or switch to a " +
        "default assignor before re-attempting the upgrade",
    );
  }
  const assignment: Assignment = new Map(
    before.assigned.flatMap(({ topic, partitions }) => {
      const id = image.topic(topic)?.id;
      return id === undefined ? [] : [[id, partitions.toSorted((left, right) => left - right)]];
    }),
  );
  const facts: MemberFacts = {
    instanceId: member.instanceId,
    rackId: subscription.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topicNames: [...new Set(subscription.topicNames)].toSorted(byText),
    topicRegex: "",
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    assignor: null,
    classic: { sessionTimeoutMs: member.sessionTimeoutMs, protocols: member.protocols },
  };
  return { id: member.id, facts, assignment };
}

function cannotUpgrade(group: ClassicGroup, why: string): Refusal {
  return new Refusal(
    "group_id_not_found",
    `Cannot upgrade classic group ${group.id} to consumer group because ${why}.`,
  );
}

/** Whether the group would have classic members alone, and some, without these, and may be downgraded then. */
export function isDowngrade(draft: ConsumerDraft, without: readonly ConsumerMember[]): boolean {
  const { group, env } = draft;
  const gone = new Set(without.map(({ id }) => id));
  const size = group.members.size - gone.size;
  const classic = classicCount(group) - without.filter((each) => each.classic).length;
  const { migrationPolicy } = env.config.consumer;
  return (
    size > 0 &&
    classic === size &&
    (migrationPolicy === "downgrade" || migrationPolicy === "bidirectional") &&
    size <= env.config.sizeMax
  );
}

/** As `isDowngrade`, where a classic member takes the place of this one. */
export function isDowngradeByReplacing(draft: ConsumerDraft, replaced: ConsumerMember): boolean {
  const { group, env } = draft;
  const { migrationPolicy } = env.config.consumer;
  return (
    !replaced.classic &&
    classicCount(group) === group.members.size - 1 &&
    (migrationPolicy === "downgrade" || migrationPolicy === "bidirectional") &&
    group.members.size <= env.config.sizeMax
  );
}

/** The classic group that the consumer group (whose members are all classic now) becomes. */
export interface Downgrade {
  readonly classic: ClassicDraft;
  /** The tombstones of the consumer group. */
  readonly records: readonly CoordinatorRecord[];
}

export function downgrade(draft: ConsumerDraft, rebalance: boolean): Downgrade {
  const { group, env } = draft;
  const members = new Map<string, ClassicMember>();
  const isWhole = stateOf(group) === "Stable";
  for (const member of group.members.values()) {
    const { id, classic } = member;
    if (!classic) continue;
    members.set(id, {
      id,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      sessionTimeoutMs: classic.sessionTimeoutMs,
      protocols: classic.protocols,
      assignment: writeHeld(draft, member),
      isNew: false,
      joining: null,
      syncing: null,
    });
    draft.cancelTimers(id);
  }
  const [leader = null] = members.keys();
  const made: ClassicGroup = {
    ...emptyClassicGroup(group.id, env.nowMs),
    state: "Stable",
    generation: group.epoch,
    protocolType: "consumer",
    leader,
    members,
    subscribed: new Set([...group.members.values()].flatMap(({ topicNames }) => topicNames)),
  };
  for (const event of tombstones(group)) draft.records.push(consumerRecord(group.id, event));
  const classic = new ClassicDraft(made, env);
  classic.group.protocol = electProtocol(classic);
  classic.store();
  for (const member of members.values()) classic.touch(member);
  if (rebalance || !isWhole) prepareRebalance(classic);
  return { classic, records: draft.records };
}

function writeHeld({ env }: ConsumerDraft, member: ConsumerMember): Uint8Array {
  const { classic } = member;
  const held = new Map<string, number[]>();
  for (const [topicId, partitions] of [...member.assigned, ...member.revoking]) {
    const topic = env.image.topicById(topicId)?.name;
    if (topic !== undefined) held.set(topic, [...(held.get(topic) ?? []), ...partitions.keys()]);
  }
  const named = [...held].map(([topic, partitions]) => ({ topic, partitions }));
  const [first] = classic?.protocols ?? [];
  return writeAssignment(named, (first && readSubscription(first.metadata)?.version) ?? 0);
}

/** What takes everything that is known of the group out of the log, in Kafka's order. */
export function tombstones({ members, targets, regexes }: ConsumerGroup): ConsumerEvent[] {
  const memberIds = [...members.keys()];
  return [
    ...memberIds.map((memberId) => ({ type: "progress-gone", memberId }) as const),
    ...[...targets.keys()].map((memberId) => ({ type: "target-gone", memberId }) as const),
    { type: "target-epoch-gone" },
    ...memberIds.map((memberId) => ({ type: "member-gone", memberId }) as const),
    ...[...regexes.keys()].map((pattern) => ({ type: "regex-gone", pattern }) as const),
    { type: "group-gone" },
  ];
}
