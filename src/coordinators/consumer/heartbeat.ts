/**
 * ConsumerGroupHeartbeat in a consumer group: joining, staying, leaving, and the ends of time-outs.
 *
 * - One heartbeat does all of it: it takes what the member says, moves the epoch on if subscriptions or topics have changed,
 *   computes the target if it is due, and brings the member as near to it as it can be brought now.
 * - An answer that was lost does no harm: a member may come with its epoch of before as long as it owns nothing that it was
 *   not given. Everything else is fenced, and has to join anew with nothing.
 * - A static member that joins while its instance id is in use is refused (unreleased_instance_id), until the one before it
 *   has left with -2 or has gone silent; then it takes its place, its partitions with it.
 */
import { present } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";
import { byText } from "./assignors/assignor.ts";
import { configOfGroup } from "./config.ts";
import { type ConsumerDraft, progressOf } from "./draft.ts";
import { bumpEpoch, bumpIfTopicsChanged, reconcileMember, updateTarget } from "./epoch.ts";
import { type OwnedPartitions, sameOwned } from "./reconcile.ts";
import { forgetUnused, updateRegexes } from "./regex.ts";
import {
  type ConsumerHeartbeat,
  type ConsumerHeartbeatAnswer,
  STATIC_LEAVE_EPOCH,
} from "./request.ts";
import {
  type ConsumerGroup,
  type ConsumerMember,
  type MemberFacts,
  newMember,
  nothingOwned,
  sameTexts,
  staticMember,
  targetOf,
} from "./state.ts";

/** A member that joins, or goes on. @throws Refusal what Kafka answers. */
export function heartbeat(
  draft: ConsumerDraft,
  request: ConsumerHeartbeat,
): ConsumerHeartbeatAnswer {
  const memberId = request.memberId === "" ? request.newMemberId : request.memberId;
  checkRoom(draft, memberId);
  const before = memberFor(draft, memberId, request);
  const told = factsAfter(before, request);
  const changed = updateSubscription(draft, before, told);
  if (changed === "bump") bumpEpoch(draft, "always");
  else bumpIfTopicsChanged(draft);
  updateTarget(draft);
  reconcileMember(draft, memberId, request.owned, changed !== "no");
  const { env, group } = draft;
  const member = memberIn(group, memberId);
  const { sessionTimeoutMs, heartbeatIntervalMs } = configOfGroup(
    env.config.consumer,
    env.image,
    group.id,
  );
  touch(draft, memberId, request.sessionTimeoutMs ?? sessionTimeoutMs);
  const isFull =
    request.rebalanceTimeoutMs !== -1 &&
    (request.topicNames !== null || request.topicRegex !== null) &&
    request.owned !== null;
  const isTold =
    request.memberEpoch === 0 || isFull || !samePartitions(before.assigned, member.assigned);
  return {
    memberId,
    memberEpoch: member.epoch,
    heartbeatIntervalMs,
    assignment: isTold ? member.assigned : null,
  };
}

/** The member's session begins anew. */
export function touch(draft: ConsumerDraft, memberId: string, afterMs: number): void {
  const input = { type: "consumer-timeout", reason: "session", memberId } as const;
  draft.setTimer("session", memberId, afterMs, input);
}

export function checkRoom({ env, group }: ConsumerDraft, memberId: string): void {
  const { sizeMax } = env.config.consumer;
  if (group.members.size < sizeMax || group.members.has(memberId)) return;
  throw new Refusal(
    "group_max_size_reached",
    `The consumer group has reached its maximum capacity of ${sizeMax} members.`,
  );
}

function memberFor(
  draft: ConsumerDraft,
  memberId: string,
  { instanceId, memberEpoch, owned }: ConsumerHeartbeat,
): ConsumerMember {
  const { group } = draft;
  const joins = memberEpoch === 0;
  if (instanceId === null) {
    const member = group.members.get(memberId);
    if (!member) {
      if (joins) return newMember(memberId);
      throw unknownMember(group, memberId);
    }
    checkEpoch(member, memberEpoch, owned);
    return member;
  }
  const holder = staticMember(group, instanceId);
  if (!joins) {
    if (!holder) throw unknownInstance(instanceId);
    checkInstance(holder, memberId, instanceId);
    checkEpoch(holder, memberEpoch, owned);
    return holder;
  }
  if (!holder) return group.members.get(memberId) ?? newMember(memberId);
  if (holder.classic === null && holder.epoch !== STATIC_LEAVE_EPOCH) {
    throw new Refusal(
      "unreleased_instance_id",
      `Static member ${memberId} with instance id ${instanceId} cannot join the group because the ` +
        `instance id is owned by ${holder.id} member.`,
    );
  }
  return replaceStatic(draft, holder, memberId);
}

/** The member under a new id, with the target and the partitions of the one before it. */
export function replaceStatic(
  draft: ConsumerDraft,
  holder: ConsumerMember,
  memberId: string,
): ConsumerMember {
  const target = targetOf(draft.group, holder.id);
  draft.removeMember(holder.id);
  if (holder.id !== memberId) draft.cancelTimers(holder.id);
  draft.setFacts(memberId, holder);
  draft.emit({ type: "target", memberId, assignment: target });
  draft.setProgress(memberId, { ...progressOf(holder), epoch: 0, previousEpoch: 0 });
  return memberIn(draft.group, memberId);
}

function checkEpoch(
  member: ConsumerMember,
  memberEpoch: number,
  owned: OwnedPartitions | null,
): void {
  if (memberEpoch === 0 || memberEpoch === member.epoch) return;
  const isLate =
    memberEpoch < member.epoch && memberEpoch === member.previousEpoch && ownsAtMost(owned, member);
  if (isLate) return;
  const than = memberEpoch > member.epoch ? "greater" : "smaller";
  throw new Refusal(
    "fenced_member_epoch",
    `The consumer group member has a ${than} member epoch (${memberEpoch}) than the one known by the ` +
      `group coordinator (${member.epoch}). The member must abandon all its partitions and rejoin.`,
    { member_epoch: member.epoch },
  );
}

function ownsAtMost(owned: OwnedPartitions | null, { assigned }: ConsumerMember): boolean {
  if (owned === null) return false;
  for (const [topicId, partitions] of owned) {
    const given = assigned.get(topicId);
    for (const partition of partitions) if (!given?.has(partition)) return false;
  }
  return true;
}

export function checkInstance(holder: ConsumerMember, memberId: string, instanceId: string): void {
  if (holder.id === memberId) return;
  throw new Refusal(
    "fenced_instance_id",
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${holder.id}.`,
  );
}

function factsAfter(before: ConsumerMember, request: ConsumerHeartbeat): MemberFacts {
  const { topicNames, rebalanceTimeoutMs } = request;
  return {
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: request.clientId ?? before.clientId,
    clientHost: request.clientHost ?? before.clientHost,
    topicNames: topicNames ? [...new Set(topicNames)].toSorted(byText) : before.topicNames,
    topicRegex: request.topicRegex ?? before.topicRegex,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    assignor: request.assignor ?? before.assignor,
    classic: null,
  };
}

/** Keeps what the member said; `bump`: the group must move to its next epoch for it. */
export function updateSubscription(
  draft: ConsumerDraft,
  before: ConsumerMember,
  told: MemberFacts,
): "no" | "changed" | "bump" {
  const isNew = !draft.group.members.has(before.id);
  if (isNew || !sameFacts(before, told)) draft.setFacts(before.id, told);
  const namesChanged = !sameTexts(before.topicNames, told.topicNames);
  const regex = updateRegexes(draft, memberIn(draft.group, before.id), before.topicRegex);
  if (namesChanged || regex === "resolved") return "bump";
  return regex === "changed" ? "changed" : "no";
}

function sameFacts(left: MemberFacts, right: MemberFacts): boolean {
  return (
    left.instanceId === right.instanceId &&
    left.rackId === right.rackId &&
    left.clientId === right.clientId &&
    left.clientHost === right.clientHost &&
    sameTexts(left.topicNames, right.topicNames) &&
    left.topicRegex === right.topicRegex &&
    left.rebalanceTimeoutMs === right.rebalanceTimeoutMs &&
    left.assignor === right.assignor &&
    left.classic === right.classic
  );
}

function samePartitions(left: ConsumerMember["assigned"], right: ConsumerMember["assigned"]) {
  return left === right || sameOwned(withoutEpochs(left), withoutEpochs(right));
}

function withoutEpochs(assigned: ConsumerMember["assigned"]): ConsumerMember["assigned"] {
  return new Map(
    [...assigned].map(([id, list]) => [id, new Map([...list.keys()].map((at) => [at, 0]))]),
  );
}

/** -1 and -2: the member goes, or a static one for a while, in which its partitions wait for it. */
export function memberToLeave(
  draft: ConsumerDraft,
  { memberId, memberEpoch, instanceId }: ConsumerHeartbeat,
): ConsumerMember | null {
  const { group } = draft;
  if (instanceId === null) {
    const member = group.members.get(memberId);
    if (!member) throw unknownMember(group, memberId);
    return member;
  }
  const holder = staticMember(group, instanceId);
  if (!holder) throw unknownInstance(instanceId);
  checkInstance(holder, memberId, instanceId);
  if (memberEpoch !== STATIC_LEAVE_EPOCH) return holder;
  const progress = { ...progressOf(holder), epoch: STATIC_LEAVE_EPOCH, revoking: nothingOwned };
  draft.setProgress(holder.id, progress);
  return null;
}

/** Takes members out: the group moves to its next epoch without them. */
export function removeMembers(draft: ConsumerDraft, members: readonly ConsumerMember[]): void {
  for (const { id } of members) {
    draft.removeMember(id);
    draft.cancelTimers(id);
  }
  for (const { topicRegex } of members) if (topicRegex) forgetUnused(draft, topicRegex);
  bumpEpoch(draft, "always");
}

/** Every member's time begins anew: the group was read back from the log. */
export function resume(draft: ConsumerDraft): void {
  const { env, group } = draft;
  const { sessionTimeoutMs } = configOfGroup(env.config.consumer, env.image, group.id);
  for (const member of group.members.values()) {
    touch(draft, member.id, member.classic?.sessionTimeoutMs ?? sessionTimeoutMs);
    if (member.classic || member.state !== "unrevoked") continue;
    const { id: memberId, epoch } = member;
    const input = { type: "consumer-rebalance-timeout", memberId, epoch } as const;
    draft.setTimer("rebalance", memberId, member.rebalanceTimeoutMs, input);
  }
}

export function memberIn(group: ConsumerGroup, memberId: string): ConsumerMember {
  return present(group.members.get(memberId), "a member that has joined is there");
}

export function unknownMember(group: ConsumerGroup, memberId: string): Refusal {
  return new Refusal(
    "unknown_member_id",
    `Member ${memberId} is not a member of group ${group.id}.`,
  );
}

export function unknownInstance(instanceId: string): Refusal {
  return new Refusal("unknown_member_id", `Instance id ${instanceId} is unknown.`);
}
