/**
 * Who owns which partition while an assignor works: an array of member numbers for each topic, and how many each member has.
 *
 * It begins with what the members' targets of before say, where that still stands: the topic and partition exist, the member
 * is subscribed, and no member before it claims the same partition.
 */
import { assert, present } from "../../../lib/assert.ts";
import { type Assignment, type AssignorMember, noAssignment } from "./assignor.ts";

export class Ownership {
  /** Topic id, in the order given, to the number of each partition's owner; -1 is nobody. */
  readonly owners: ReadonlyMap<string, Int32Array>;
  /** How many partitions each member has, by member number. */
  readonly counts: Int32Array;
  readonly partitionCount: number;
  readonly #members: readonly AssignorMember[];

  constructor(
    members: readonly AssignorMember[],
    topicIds: readonly string[],
    partitions: ReadonlyMap<string, number>,
  ) {
    this.#members = members;
    this.counts = new Int32Array(members.length);
    let partitionCount = 0;
    const owners = new Map<string, Int32Array>();
    for (const topicId of topicIds) {
      const count = present(partitions.get(topicId), "a subscribed topic exists");
      owners.set(topicId, new Int32Array(count).fill(-1));
      partitionCount += count;
    }
    this.owners = owners;
    this.partitionCount = partitionCount;
    for (const [at, member] of members.entries()) this.#keep(at, member);
  }

  #keep(at: number, member: AssignorMember): void {
    if (member.target.size === 0) return;
    const subscribed = new Set(member.topicIds);
    for (const [topicId, kept] of member.target) {
      const owners = this.owners.get(topicId);
      if (!owners || !subscribed.has(topicId)) continue;
      for (const partition of kept) {
        if (owners[partition] === -1) this.give(topicId, partition, at);
      }
    }
  }

  /** Gives a partition to the member of that number; takes it from its owner, if it has one. */
  give(topicId: string, partition: number, at: number): void {
    const owners = present(this.owners.get(topicId), "an assignor gives partitions of its topics");
    const before = owners[partition];
    assert(before !== undefined, "an assignor gives partitions that exist");
    if (before !== -1) this.counts[before] = (this.counts[before] ?? 0) - 1;
    owners[partition] = at;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
  }

  /** Takes partitions from those who have more than their quota, the last ones first. */
  releaseBeyond(quotas: readonly number[]): void {
    for (const owners of [...this.owners.values()].toReversed()) {
      for (let partition = owners.length - 1; partition >= 0; partition -= 1) {
        const owner = owners[partition] ?? -1;
        if (owner === -1 || (this.counts[owner] ?? 0) <= (quotas[owner] ?? 0)) continue;
        owners[partition] = -1;
        this.counts[owner] = (this.counts[owner] ?? 0) - 1;
      }
    }
  }

  /** Every member's assignment; where it is the target of before, that object itself. */
  assignments(): ReadonlyMap<string, Assignment> {
    const made = this.#members.map(() => new Map<string, number[]>());
    for (const [topicId, owners] of this.owners) {
      for (const [partition, owner] of owners.entries()) {
        const assignment = made[owner];
        if (!assignment) continue;
        const partitions = assignment.get(topicId);
        if (partitions) partitions.push(partition);
        else assignment.set(topicId, [partition]);
      }
    }
    return new Map(
      this.#members.map(({ memberId, target }, at) => {
        const assignment = made[at] ?? noAssignment;
        return [memberId, sameAssignment(assignment, target) ? target : assignment];
      }),
    );
  }
}

/** Whether both hold the same partitions; both have them in ascending order. */
export function sameAssignment(left: Assignment, right: Assignment): boolean {
  if (left === right) return true;
  if (left.size !== right.size) return false;
  for (const [topicId, partitions] of left) {
    const others = right.get(topicId);
    if (others?.length !== partitions.length) return false;
    if (!partitions.every((partition, at) => partition === others[at])) return false;
  }
  return true;
}
