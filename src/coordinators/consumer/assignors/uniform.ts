/**
 * Kafka's `uniform` assignor: as many partitions for each member as for any other, and as few of them moved as possible.
 *
 * - Balance goes before stickiness. Where all members have the same subscription, no two differ by more than one partition;
 *   else no single partition can move to a member with at least two fewer (`uniform-mixed.ts`).
 * - Members that hold more than the least keep the partitions that are left over, so that a join or a leave moves no more
 *   than it must. Ties go by member id.
 */
import { assert } from "../../../lib/assert.ts";
import {
  type Assignment,
  type Assignor,
  type AssignorInput,
  type AssignorMember,
  byText,
} from "./assignor.ts";
import { Ownership } from "./ownership.ts";
import { assignMixed } from "./uniform-mixed.ts";

export const uniform: Assignor = (input) => {
  const members = input.members.toSorted((left, right) => byText(left.memberId, right.memberId));
  const sorted = { members, partitions: input.partitions };
  return haveOneSubscription(members) ? assignAlike(sorted) : assignMixed(sorted);
};

function haveOneSubscription(members: readonly AssignorMember[]): boolean {
  const [first] = members;
  if (!first) return true;
  const topicIds = new Set(first.topicIds);
  return members.every(
    (member) =>
      member.topicIds === first.topicIds ||
      (member.topicIds.length === topicIds.size && member.topicIds.every((id) => topicIds.has(id))),
  );
}

function assignAlike({ members, partitions }: AssignorInput): ReadonlyMap<string, Assignment> {
  const [first] = members;
  if (!first) return new Map();
  const topicIds = first.topicIds.toSorted(byText);
  const ownership = new Ownership(members, topicIds, partitions);
  const least = Math.floor(ownership.partitionCount / members.length);
  let extras = ownership.partitionCount % members.length;
  // Who kept more than the least has the first call on what is left over.
  const quotas = members.map((_, at) => {
    if (extras === 0 || (ownership.counts[at] ?? 0) <= least) return least;
    extras -= 1;
    return least + 1;
  });
  for (let at = 0; at < quotas.length && extras > 0; at += 1) {
    if (quotas[at] !== least) continue;
    quotas[at] = least + 1;
    extras -= 1;
  }
  ownership.releaseBeyond(quotas);
  let at = 0;
  for (const [topicId, owners] of ownership.owners) {
    for (let partition = 0; partition < owners.length; partition += 1) {
      if (owners[partition] !== -1) continue;
      while ((ownership.counts[at] ?? 0) >= (quotas[at] ?? 0)) {
        at += 1;
        assert(at < members.length, "the quotas add up to all partitions");
      }
      ownership.give(topicId, partition, at);
    }
  }
  return ownership.assignments();
}
