/**
 * Kafka's `range` assignor: each topic's partitions are cut into runs, one per subscriber, in the members' order.
 *
 * - Members with an instance id come first, by that id, then the others by member id. Topics of equal partition counts and
 *   equal subscribers are co-partitioned: one member gets the same partition numbers of each.
 * - The first members get the partitions that are left over; it follows the order alone and keeps nothing for stickiness.
 */
import { type Assignment, type Assignor, type AssignorMember, byText } from "./assignor.ts";

interface Cut {
  readonly partitions: number;
  subscribers: number;
  /** Subscribers that had their run. */
  served: number;
  next: number;
}

export const range: Assignor = ({ members, partitions }) => {
  const cuts = new Map<string, Cut>();
  for (const [topicId, count] of partitions) {
    cuts.set(topicId, { partitions: count, subscribers: 0, served: 0, next: 0 });
  }
  for (const member of members) {
    for (const topicId of member.topicIds) {
      const cut = cuts.get(topicId);
      if (cut) cut.subscribers += 1;
    }
  }
  const assigned = new Map<string, Assignment>();
  for (const member of members.toSorted(byInstanceThenMember)) {
    const assignment = new Map<string, readonly number[]>();
    for (const topicId of member.topicIds) {
      const cut = cuts.get(topicId);
      const run = cut ? takeRun(cut) : [];
      if (run.length > 0) assignment.set(topicId, run);
    }
    assigned.set(member.memberId, assignment);
  }
  return assigned;
};

function takeRun(cut: Cut): readonly number[] {
  const extra = cut.served < cut.partitions % cut.subscribers ? 1 : 0;
  const length = Math.floor(cut.partitions / cut.subscribers) + extra;
  const run = Array.from({ length }, (_, at) => cut.next + at);
  cut.served += 1;
  cut.next += length;
  return run;
}

function byInstanceThenMember(left: AssignorMember, right: AssignorMember): number {
  if (left.instanceId !== null && right.instanceId !== null) {
    return byText(left.instanceId, right.instanceId);
  }
  if (left.instanceId !== null) return -1;
  if (right.instanceId !== null) return 1;
  return byText(left.memberId, right.memberId);
}
