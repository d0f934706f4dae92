/**
 * What offsets ask of a group's members, whichever kind of group it is: may this one commit, is the topic still read, may the
 * group go.
 */
import { Refusal } from "../lib/refusal.ts";
import { checkMember, unknownMember } from "./classic-draft.ts";
import { checkGeneration, rebalancing } from "./classic-members.ts";
import type { ClassicGroup, ClassicMember, MemberIdentity } from "./classic-state.ts";
import type { Membership } from "./group.ts";
import { groupTombstone } from "./group-records.ts";
import type { CommittedOffset } from "./offset-state.ts";
import type { CoordinatorRecord } from "./step.ts";

/** @throws Refusal unless this member may commit now (`ClassicGroup.validateOffsetCommit`). */
export function checkCommit(
  members: Membership,
  member: MemberIdentity,
  transactional: boolean,
): void {
  const { memberId, instanceId, generation } = member;
  if (generation < 0 && members.state === "Empty") return;
  if (generation >= 0 || memberId !== "" || instanceId !== null) {
    checkMember(lookup(members), memberId, instanceId);
    checkGeneration(members.generation, generation);
  } else if (!transactional && members.state !== "Empty") {
    throw unknownMember(memberId);
  }
  if (!transactional && members.state === "CompletingRebalance") throw rebalancing();
}

function lookup(group: ClassicGroup) {
  const holderOf = (instanceId: string): ClassicMember | null => {
    for (const member of group.members.values())
      if (member.instanceId === instanceId) return member;
    return null;
  };
  return { members: group.members, holderOf };
}

/** The member whose session a commit keeps alive; null when it keeps nobody's. */
export function memberAlive(
  members: Membership,
  { memberId }: MemberIdentity,
): ClassicMember | null {
  if (members.state !== "Stable" && members.state !== "PreparingRebalance") return null;
  return members.members.get(memberId) ?? null;
}

export function isEmpty(members: Membership): boolean {
  return members.state === "Empty";
}

/** @throws Refusal while the group has members. */
export function checkDeletable(members: Membership): void {
  if (isEmpty(members)) return;
  throw new Refusal("non_empty_group", `The group "${members.id}" has members; stop them first.`);
}

/** @throws Refusal where the group has members that nobody can tell the topics of. */
export function checkOffsetsDeletable(members: Membership): void {
  if (members.protocolType !== "consumer") checkDeletable(members);
}

/** In doubt a `consumer` group reads every topic: nothing of it may be forgotten. */
export function isSubscribed(members: Membership, topic: string): boolean {
  return members.subscribed?.has(topic) ?? members.protocolType === "consumer";
}

/**
 * Since when nobody may have needed this offset (KIP-211): since the group is empty, or since the commit where its topic is no
 * longer read, or where there never were members. Null: it is needed.
 */
export function unusedSinceMs(members: Membership, { commitMs }: CommittedOffset): number | null {
  const { protocolType, state, stateSinceMs, subscribed } = members;
  if (protocolType === null) return commitMs;
  if (state === "Empty") return stateSinceMs;
  if (protocolType === "consumer" && subscribed && state === "Stable") return commitMs;
  return null;
}

/** What takes the group itself out of the log. */
export function membershipTombstones(members: Membership): readonly CoordinatorRecord[] {
  return [groupTombstone(members.id)];
}

/** @throws Refusal unless this member may read offsets now; in a classic group anybody may. */
export function checkFetch(
  _members: Membership | null,
  _memberId: string | null,
  _memberEpoch: number,
): void {}

export function typeOf(members: Membership): "classic" {
  return members.type;
}

/** The state's name, as Kafka's tools print it. */
export function stateOf(members: Membership): string {
  return members.state;
}

export function protocolTypeOf(members: Membership): string {
  return members.protocolType ?? "";
}
