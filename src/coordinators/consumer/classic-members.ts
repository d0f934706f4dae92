/**
 * Members of the classic protocol in a consumer group, while it is upgraded or downgraded (KIP-848).
 *
 * - Their JoinGroup is a heartbeat: it says what they are subscribed to and what they own, and is answered at once, with their
 *   epoch as the generation. SyncGroup gives them what they were assigned. Heartbeats tell them (rebalance_in_progress) to join
 *   again when there is something to give up or to get.
 * - Until the next target is due (`consumer.assignment.interval.ms`) they keep what they have, as in Kafka: told to join again
 *   they would be told so again and again, until some (kafkajs) give up.
 * - Who does not join again within the rebalance timeout, or does not ask for its assignment, is out.
 * - Left out: being their leader, since nobody is; patterns, which they resolve themselves.
 */
import { present } from "../../lib/assert.ts";
import { without } from "../../lib/collections.ts";
import { Refusal } from "../../lib/refusal.ts";
import { byText } from "./assignors/assignor.ts";
import type {
  ClassicProtocol,
  JoinAnswer,
  JoinRequest,
  LeaveAnswer,
  LeavingMember,
  MemberIdentity,
  SyncAnswer,
  SyncRequest,
} from "../classic/state.ts";
import type { ConsumerDraft } from "./draft.ts";
import {
  bumpEpoch,
  bumpIfTopicsChanged,
  isTargetDue,
  reconcileMember,
  updateTarget,
} from "./epoch.ts";
import {
  checkInstance,
  checkRoom,
  memberIn,
  replaceStatic,
  touch,
  unknownInstance,
  unknownMember,
  updateSubscription,
} from "./heartbeat.ts";
import { freeFor, type OwnedPartitions } from "./reconcile.ts";
import {
  type ClassicFacts,
  type ConsumerGroup,
  type ConsumerMember,
  newMember,
  staticMember,
  targetOf,
} from "./state.ts";
import {
  type NamedPartitions,
  readSubscription,
  type Subscription,
  writeAssignment,
} from "../classic/consumer-protocol.ts";

/** A classic member that joins; `replaced` is the static member whose place it takes, as it was. */
export interface ClassicJoin {
  readonly answer: JoinAnswer;
  readonly memberId: string;
  readonly replaced: ConsumerMember | null;
  readonly subscriptionChanged: boolean;
}

/** @throws Refusal what Kafka answers. */
export function joinClassic(
  draft: ConsumerDraft,
  request: JoinRequest,
  isDowngrade: (replaced: ConsumerMember) => boolean,
): ClassicJoin {
  const { protocols, instanceId } = request;
  const memberId = request.memberId === "" ? request.newMemberId : request.memberId;
  checkMigration(draft);
  checkRoom(draft, memberId);
  checkProtocols(draft.group, request);
  if (request.memberIdRequired && request.memberId === "" && instanceId === null) {
    const facts = { memberId };
    throw new Refusal("member_id_required", `Join again as "${memberId}".`, facts);
  }
  const subscription = subscriptionOf(protocols);
  const replaced = staticMember(draft.group, instanceId);
  const downgrade = replaced !== null && isDowngrade(replaced);
  const before = memberFor(draft, memberId, request);
  const changed = updateSubscription(draft, before, {
    instanceId: instanceId ?? before.instanceId,
    rackId: subscription.rackId ?? before.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    topicNames: [...new Set(subscription.topicNames)].toSorted(byText),
    topicRegex: "",
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    assignor: before.assignor,
    classic: sameClassic(before.classic, request),
  });
  const subscriptionChanged = changed !== "no";
  if (subscriptionChanged) bumpEpoch(draft, "always");
  else bumpIfTopicsChanged(draft);
  if (!downgrade) updateTarget(draft);
  if (!downgrade || !subscriptionChanged) {
    const owned = ownedOf(draft, subscription);
    reconcileMember(draft, memberId, owned, subscriptionChanged);
  }
  stopRejoin(draft, memberId);
  touch(draft, memberId, request.sessionTimeoutMs);
  const timeout = { type: "consumer-timeout", reason: "sync", memberId } as const;
  draft.setTimer("sync", memberId, request.rebalanceTimeoutMs, timeout);
  const answer = {
    memberId,
    generation: memberIn(draft.group, memberId).epoch,
    protocolType: "consumer",
    protocol: protocols[0]?.name ?? null,
    leader: null,
    members: [],
    skipAssignment: false,
  };
  return { answer, memberId, replaced, subscriptionChanged };
}

function checkMigration({ env, group }: ConsumerDraft): void {
  if (env.config.consumer.migrationPolicy !== "disabled") return;
  throw new Refusal(
    "inconsistent_group_protocol",
    `Cannot join the consumer group ${group.id} with the classic protocol because the group migration is disabled.`,
  );
}

function checkProtocols(
  group: ConsumerGroup,
  { memberId, protocolType, protocols }: JoinRequest,
): void {
  if (protocolType === "consumer" && supportsOneOf(group, protocols)) return;
  throw new Refusal(
    "inconsistent_group_protocol",
    `Member ${memberId}'s protocols are not supported.`,
  );
}

function supportsOneOf(group: ConsumerGroup, protocols: readonly ClassicProtocol[]): boolean {
  const others = [...group.members.values()].flatMap(({ classic }) => classic?.protocols ?? []);
  const size = classicCount(group);
  return protocols.some(
    ({ name }) => others.filter((other) => other.name === name).length === size,
  );
}

export function classicCount(group: ConsumerGroup): number {
  let count = 0;
  for (const { classic } of group.members.values()) if (classic) count += 1;
  return count;
}

function subscriptionOf(protocols: readonly ClassicProtocol[]): Subscription {
  const [first] = protocols;
  const subscription = first ? readSubscription(first.metadata) : null;
  if (subscription) return subscription;
  throw new Refusal(
    "inconsistent_group_protocol",
    "The subscription is not one of Kafka's consumer protocol.",
  );
}

function memberFor(
  draft: ConsumerDraft,
  memberId: string,
  { memberId: asked, instanceId }: JoinRequest,
): ConsumerMember {
  const { group } = draft;
  if (instanceId === null) return group.members.get(memberId) ?? newMember(memberId);
  const holder = staticMember(group, instanceId);
  if (asked === "") {
    return holder ? replaceStatic(draft, holder, memberId) : newMember(memberId);
  }
  if (!holder) throw unknownInstance(instanceId);
  checkInstance(holder, memberId, instanceId);
  return holder;
}

/** What is kept must not hold on to the request's frame; the same facts stay the same object. */
function sameClassic(before: ClassicFacts | null, request: JoinRequest): ClassicFacts {
  const { sessionTimeoutMs, protocols } = request;
  const isSame =
    before?.sessionTimeoutMs === sessionTimeoutMs &&
    before.protocols.length === protocols.length &&
    before.protocols.every(({ name, metadata }, at) => {
      const other = present(protocols[at], "both are of one length");
      return name === other.name && Buffer.compare(metadata, other.metadata) === 0;
    });
  if (before && isSame) return before;
  return {
    sessionTimeoutMs,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() })),
  };
}

function ownedOf({ env }: ConsumerDraft, { owned }: Subscription): OwnedPartitions {
  const byId = new Map<string, ReadonlySet<number>>();
  for (const { topic, partitions } of owned) {
    const id = env.image.topic(topic)?.id;
    if (id !== undefined) byId.set(id, new Set(partitions));
  }
  return byId;
}

/** What the member was assigned, in the version that it speaks. @throws Refusal what Kafka answers. */
export function syncClassic(draft: ConsumerDraft, request: SyncRequest): SyncAnswer | Refusal {
  const { member, classic } = classicMember(draft.group, request);
  checkGeneration(member, request.generation);
  const [first] = classic.protocols;
  if (differs(request.protocolType, "consumer") || differs(request.protocol, first?.name)) {
    throw new Refusal(
      "inconsistent_group_protocol",
      `The protocol is ${first?.name}, as JoinGroup has answered.`,
    );
  }
  if (member.epoch < draft.group.targetEpoch && member.state !== "unrevoked") {
    expectRejoin(draft, member);
    return rebalancing(draft.group, member);
  }
  draft.cancelTimer("sync", member.id);
  touch(draft, member.id, classic.sessionTimeoutMs);
  const version = (first && readSubscription(first.metadata)?.version) ?? 0;
  return {
    protocolType: "consumer",
    protocol: first?.name ?? null,
    assignment: writeAssignment(namedPartitions(draft, member), version),
  };
}

function namedPartitions({ env }: ConsumerDraft, { assigned }: ConsumerMember): NamedPartitions[] {
  return [...assigned].flatMap(([topicId, partitions]) => {
    const topic = env.image.topicById(topicId)?.name;
    return topic === undefined ? [] : [{ topic, partitions: [...partitions.keys()] }];
  });
}

/** Tells the member to join again where there is something to give up or to get. @throws Refusal what Kafka answers. */
export function heartbeatClassic(
  draft: ConsumerDraft,
  identity: MemberIdentity,
): "heard" | Refusal {
  const { member, classic } = classicMember(draft.group, identity);
  checkGeneration(member, identity.generation);
  touch(draft, member.id, classic.sessionTimeoutMs);
  bumpIfTopicsChanged(draft);
  const mustRejoin =
    member.epoch < draft.group.targetEpoch ||
    isTargetDue(draft) ||
    member.state === "unrevoked" ||
    (member.state === "unreleased" && !waitsForOthers(draft.group, member));
  if (!mustRejoin) return "heard";
  expectRejoin(draft, member);
  return rebalancing(draft.group, member);
}

/** Whether some partition of its target still belongs to another member. */
function waitsForOthers(group: ConsumerGroup, member: ConsumerMember): boolean {
  const isFree = freeFor(group, member.id);
  for (const [topicId, partitions] of targetOf(group, member.id)) {
    const assigned = member.assigned.get(topicId);
    for (const partition of partitions) {
      if (!assigned?.has(partition) && !isFree(topicId, partition)) return true;
    }
  }
  return false;
}

/** Who leaves, and one answer each, in order: as in Kafka an administrator takes out members of either protocol so. */
export function leaveClassic(
  group: ConsumerGroup,
  leaving: readonly LeavingMember[],
): { readonly gone: readonly ConsumerMember[]; readonly answers: readonly LeaveAnswer[] } {
  const gone = new Set<ConsumerMember>();
  const answers = leaving.map(({ memberId, instanceId }): LeaveAnswer => {
    const member =
      instanceId === null ? group.members.get(memberId) : staticMember(group, instanceId);
    if (!member) return "unknown_member_id";
    if (instanceId !== null && memberId !== "" && member.id !== memberId) {
      return "fenced_instance_id";
    }
    gone.add(member);
    return null;
  });
  return { gone: [...gone], answers };
}

function classicMember(
  group: ConsumerGroup,
  { memberId, instanceId }: MemberIdentity,
): { readonly member: ConsumerMember; readonly classic: ClassicFacts } {
  const member =
    instanceId === null ? group.members.get(memberId) : staticMember(group, instanceId);
  if (!member) throw unknownMember(group, memberId);
  if (instanceId !== null) checkInstance(member, memberId, instanceId);
  if (!member.classic) {
    throw new Refusal("unknown_member_id", `Member ${memberId} does not use the classic protocol.`);
  }
  return { member, classic: member.classic };
}

function checkGeneration({ id, epoch }: ConsumerMember, generation: number): void {
  if (epoch === generation) return;
  throw new Refusal(
    "illegal_generation",
    `The generation ${generation} is not the member epoch ${epoch} of member ${id}.`,
  );
}

function rebalancing(group: ConsumerGroup, { id }: ConsumerMember): Refusal {
  return new Refusal(
    "rebalance_in_progress",
    `A new rebalance is triggered in group ${group.id} and member ${id} should rejoin to catch up.`,
  );
}

/** The member has its rebalance timeout to join again, from the first time that it was told. */
function expectRejoin(draft: ConsumerDraft, { id: memberId, rebalanceTimeoutMs }: ConsumerMember) {
  const { rejoining } = draft.group.soft;
  if (rejoining.has(memberId)) return;
  draft.setSoft({ rejoining: new Set(rejoining).add(memberId) });
  const input = { type: "consumer-timeout", reason: "rejoin", memberId } as const;
  draft.setTimer("rejoin", memberId, rebalanceTimeoutMs, input);
}

function stopRejoin(draft: ConsumerDraft, memberId: string): void {
  const { rejoining } = draft.group.soft;
  if (!rejoining.has(memberId)) return;
  draft.setSoft({ rejoining: without(rejoining, memberId) });
  draft.cancelTimer("rejoin", memberId);
}

function differs(asked: string | null, known: string | undefined): boolean {
  return asked !== null && asked !== known;
}
