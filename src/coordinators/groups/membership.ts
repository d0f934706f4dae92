/**
 * What offsets ask of a group's members, whichever kind of group it is: may this one commit, is the topic still read, may the
 * group go.
 */
import { Refusal } from "../../lib/refusal.ts";
import { checkMember, unknownMember } from "../classic/draft.ts";
import { checkGeneration, rebalancing } from "../classic/members.ts";
import type { ClassicGroup, ClassicMember, MemberIdentity } from "../classic/state.ts";
import * as consumer from "../consumer/offsets.ts";
import { consumerTombstones } from "../consumer/group.ts";
import { stateOf as consumerStateOf } from "../consumer/state.ts";
import { subscribedNames } from "../consumer/target.ts";
import type { Membership } from "./group.ts";
import { groupTombstone } from "./records.ts";
import type { CommittedOffset } from "../offsets/state.ts";
import type { CoordinatorRecord } from "../step.ts";

/**
 * Says of each partition whether this member may commit it now (`validateOffsetCommit` of either kind of group).
 * @throws Refusal unless it may commit anything.
 */
export function checkCommit(
  members: Membership,
  asked: consumer.CommitAsked,
): consumer.PartitionCheck {
  if (members.type === "consumer") return consumer.checkCommit(members, asked);
  checkClassicCommit(members, asked);
  return () => null;
}

function checkClassicCommit(members: ClassicGroup, asked: consumer.CommitAsked): void {
  const { memberId, instanceId, generation, transactional } = asked;
  if (generation < 0 && members.state === "Empty") return;
  if (generation >= 0 || memberId !== "" || instanceId !== null) {
    checkMember(members.members, memberId, instanceId);
    checkGeneration(members.generation, generation);
  } else if (!transactional && members.state !== "Empty") {
    throw unknownMember(memberId);
  }
  if (!transactional && members.state === "CompletingRebalance") throw rebalancing();
}

/** The member whose session a commit keeps alive; null when it keeps nobody's. */
export function memberAlive(
  members: Membership,
  { memberId }: MemberIdentity,
): ClassicMember | null {
  if (members.type !== "classic") return null;
  if (members.state !== "Stable" && members.state !== "PreparingRebalance") return null;
  return members.members.get(memberId) ?? null;
}

export function isEmpty(members: Membership): boolean {
  if (members.type === "consumer") return members.members.size === 0;
  return members.state === "Empty";
}

/** Somebody was told to join with an id of ours. */
export function isExpected(members: Membership): boolean {
  return members.type === "classic" && members.pendingJoins.size > 0;
}

/** @throws Refusal while the group has members. */
export function checkDeletable(members: Membership): void {
  if (isEmpty(members)) return;
  throw new Refusal("non_empty_group", `The group "${members.id}" has members; stop them first.`);
}

/** @throws Refusal where the group has members that nobody can tell the topics of. */
export function checkOffsetsDeletable(members: Membership): void {
  if (protocolTypeOf(members) !== "consumer") checkDeletable(members);
}

/** In doubt a `consumer` group reads every topic: nothing of it may be forgotten. */
export function isSubscribed(members: Membership, topic: string): boolean {
  if (members.type === "consumer") return subscribedNames(members).has(topic);
  return members.subscribed?.has(topic) ?? members.protocolType === "consumer";
}

/**
 * Since when nobody may have needed this offset (KIP-211): since the group is empty, or since the commit where its topic is no
 * longer read, or where there never were members. Null: it is needed.
 */
export function unusedSinceMs(members: Membership, { commitMs }: CommittedOffset): number | null {
  if (members.type === "consumer") return commitMs;
  const { protocolType, state, stateSinceMs, subscribed } = members;
  if (protocolType === null) return commitMs;
  if (state === "Empty") return stateSinceMs;
  if (protocolType === "consumer" && subscribed && state === "Stable") return commitMs;
  return null;
}

/** What takes the group itself out of the log. */
export function membershipTombstones(members: Membership): readonly CoordinatorRecord[] {
  if (members.type === "consumer") return consumerTombstones(members);
  return [groupTombstone(members.id)];
}

/** @throws Refusal unless this member may read offsets now; in a classic group anybody may. */
export function checkFetch(
  members: Membership | null,
  memberId: string | null,
  memberEpoch: number,
): void {
  if (members?.type === "consumer") consumer.checkFetch(members, memberId, memberEpoch);
}

export function typeOf(members: Membership): "classic" | "consumer" {
  return members.type;
}

/** The state's name, as Kafka's tools print it. */
export function stateOf(members: Membership): string {
  return members.type === "consumer" ? consumerStateOf(members) : members.state;
}

export function protocolTypeOf(members: Membership): string {
  return members.type === "consumer" ? "consumer" : (members.protocolType ?? "");
}
