/**
 * Brings one member from what it has to what the target gives it, as far as is possible now (KIP-848's reconciliation).
 *
 * - First it gives up what is not in its target: it stays in its epoch, `unrevoked`, until it reports that it no longer owns
 *   them. Then it moves to the target's epoch and gets what is free; while others still own some of it, it is `unreleased`.
 * - Topics that it is no longer subscribed to are taken at once, whatever the target says.
 * - Pure: who owns what is asked of `isFree`.
 */
import type { Assignment } from "./assignors/assignor.ts";
import {
  type ConsumerGroup,
  type ConsumerMember,
  type EpochAssignment,
  type MemberProgress,
  nothingOwned,
} from "./state.ts";

/** Topic id to the partitions that a member says it owns. */
export type OwnedPartitions = ReadonlyMap<string, ReadonlySet<number>>;

export interface Goal {
  readonly targetEpoch: number;
  readonly target: Assignment;
  /** Ids of the topics that the member is subscribed to now. */
  readonly subscribed: ReadonlySet<string>;
  readonly subscriptionChanged: boolean;
  /** Null: the member did not say. */
  readonly owned: OwnedPartitions | null;
  /** Whether no other member owns the partition or has yet to give it up. */
  readonly isFree: (topicId: string, partition: number) => boolean;
}

/** The member's next progress; its own when nothing can be done. `rejoin`: it must be fenced, since its state is not known. */
export function reconcile(member: ConsumerMember, goal: Goal): MemberProgress | "rejoin" {
  switch (member.state) {
    case "stable":
      if (member.epoch !== goal.targetEpoch) return nextAssignment(member, member.epoch, goal);
      return goal.subscriptionChanged ? withoutUnsubscribed(member, goal) : member;
    case "unrevoked":
      if (!owns(goal.owned, member.revoking)) return nextAssignment(member, member.epoch, goal);
      return goal.subscriptionChanged ? withoutUnsubscribed(member, goal) : member;
    case "unreleased":
      return nextAssignment(member, member.epoch, goal);
    case "unknown":
      if (goal.owned === null || goal.owned.size > 0) return "rejoin";
      return nextAssignment(member, goal.targetEpoch, goal);
    default:
      return member.state satisfies never;
  }
}

/** Whether the member still owns some of these, as far as it has said: silence counts as owning. */
function owns(owned: OwnedPartitions | null, partitions: EpochAssignment): boolean {
  if (owned === null) return true;
  for (const [topicId, list] of owned) {
    const asked = partitions.get(topicId);
    if (!asked) continue;
    for (const partition of list) if (asked.has(partition)) return true;
  }
  return false;
}

function nextAssignment(member: ConsumerMember, epoch: number, goal: Goal): MemberProgress {
  const assigned = new Map<string, Map<number, number>>();
  const revoking = new Map<string, Map<number, number>>();
  for (const [topicId, held] of member.assigned) {
    const target = targetPartitions(goal, topicId);
    for (const [partition, since] of held) {
      put(target.has(partition) ? assigned : revoking, topicId, partition, since);
    }
  }
  const { epoch: previousEpoch } = member;
  if (revoking.size > 0 && owns(goal.owned, revoking)) {
    return { epoch, previousEpoch, state: "unrevoked", assigned, revoking };
  }
  let waits = false;
  for (const topicId of goal.target.keys()) {
    for (const partition of targetPartitions(goal, topicId)) {
      if (assigned.get(topicId)?.has(partition)) continue;
      if (goal.isFree(topicId, partition)) put(assigned, topicId, partition, goal.targetEpoch);
      else waits = true;
    }
  }
  const state = waits ? "unreleased" : "stable";
  return { epoch: goal.targetEpoch, previousEpoch, state, assigned, revoking: nothingOwned };
}

function targetPartitions({ target, subscribed }: Goal, topicId: string): ReadonlySet<number> {
  return new Set(subscribed.has(topicId) ? target.get(topicId) : []);
}

function put(
  into: Map<string, Map<number, number>>,
  topicId: string,
  partition: number,
  epoch: number,
): void {
  const partitions = into.get(topicId);
  if (partitions) partitions.set(partition, epoch);
  else into.set(topicId, new Map([[partition, epoch]]));
}

/** Takes the topics that the member is no longer subscribed to; it stays where it is otherwise. */
function withoutUnsubscribed(member: ConsumerMember, goal: Goal): MemberProgress {
  const lost = [...member.assigned].filter(([topicId]) => !goal.subscribed.has(topicId));
  if (lost.length === 0) return member;
  const assigned = new Map(member.assigned);
  const revoking = new Map(member.revoking);
  for (const [topicId, partitions] of lost) {
    assigned.delete(topicId);
    revoking.set(topicId, new Map([...(revoking.get(topicId) ?? []), ...partitions]));
  }
  const { epoch, state } = member;
  if (owns(goal.owned, revoking)) {
    return { epoch, previousEpoch: epoch, state: "unrevoked", assigned, revoking };
  }
  return { epoch, previousEpoch: epoch, state, assigned, revoking: member.revoking };
}

/** Questions that are answered by a look at each member; past so many the group is looked through once for all. */
const LOOKS_MAX = 8;

/** Whether the partition belongs to nobody but `memberId`. */
export function freeFor(
  group: ConsumerGroup,
  memberId: string,
): (topicId: string, partition: number) => boolean {
  let taken: Map<string, Set<number>> | null = null;
  let looks = 0;
  return (topicId, partition) => {
    looks += 1;
    if (looks <= LOOKS_MAX) return isFree(group, memberId, topicId, partition);
    taken ??= takenByOthers(group, memberId);
    return !taken.get(topicId)?.has(partition);
  };
}

function isFree(
  group: ConsumerGroup,
  memberId: string,
  topicId: string,
  partition: number,
): boolean {
  for (const { id, assigned, revoking } of group.members.values()) {
    if (id === memberId) continue;
    if (assigned.get(topicId)?.has(partition) || revoking.get(topicId)?.has(partition)) {
      return false;
    }
  }
  return true;
}

function takenByOthers(group: ConsumerGroup, memberId: string): Map<string, Set<number>> {
  const taken = new Map<string, Set<number>>();
  for (const other of group.members.values()) {
    if (other.id === memberId) continue;
    for (const held of [other.assigned, other.revoking]) {
      for (const [topicId, partitions] of held) {
        const set = taken.get(topicId) ?? new Set();
        for (const partition of partitions.keys()) set.add(partition);
        taken.set(topicId, set);
      }
    }
  }
  return taken;
}

/** Whether both give the same partitions since the same epochs. */
export function sameOwned(left: EpochAssignment, right: EpochAssignment): boolean {
  if (left === right) return true;
  if (left.size !== right.size) return false;
  for (const [topicId, partitions] of left) {
    const others = right.get(topicId);
    if (others?.size !== partitions.size) return false;
    for (const [partition, epoch] of partitions) if (others.get(partition) !== epoch) return false;
  }
  return true;
}
