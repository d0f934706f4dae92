/**
 * What one heartbeat costs in a large group: what it does not change is neither copied nor computed anew.
 */
import { expect, test } from "bun:test";
import { freeFor } from "../../../../src/coordinators/consumer/reconcile.ts";
import {
  applyEvent,
  draftOf,
  factsKey,
  type MemberFacts,
  type MutableConsumerGroup,
  newConsumerGroup,
  nothingOwned,
} from "../../../../src/coordinators/consumer/state.ts";

const facts: MemberFacts = {
  instanceId: null,
  rackId: null,
  clientId: "client",
  clientHost: "/127.0.0.1",
  topicNames: ["t"],
  topicRegex: null,
  rebalanceTimeoutMs: 1_000,
  assignor: null,
  classic: null,
};

/** Members m0, m1, … each with the partition of its number. */
function groupOf(members: number): MutableConsumerGroup {
  const group = newConsumerGroup("g");
  for (let at = 0; at < members; at += 1) {
    const memberId = `m${at}`;
    applyEvent(group, { type: "member", memberId, facts });
    applyEvent(group, { type: "target", memberId, assignment: new Map([["t", [at]]]) });
    advance(group, memberId, at);
  }
  return group;
}

function advance(group: MutableConsumerGroup, memberId: string, partition: number): void {
  const assigned = new Map([["t", new Map([[partition, 1]])]]);
  const progress = { epoch: 1, previousEpoch: 0, state: "stable", assigned } as const;
  applyEvent(group, {
    type: "progress",
    memberId,
    progress: { ...progress, revoking: nothingOwned },
  });
}

test("a member's progress leaves targets and patterns as they are, and what is known of what members said", () => {
  const group = groupOf(3);
  const key = factsKey(group);
  const draft = draftOf(group);
  advance(draft, "m1", 7);
  expect([draft.targets === group.targets, draft.regexes === group.regexes]).toEqual([true, true]);
  expect(factsKey(draft)).toBe(key);
  expect(group.members.get("m1")?.assigned.get("t")?.has(1)).toBe(true);
});

test("what changes is copied, and what members said is looked at again", () => {
  const group = groupOf(3);
  const key = factsKey(group);
  const draft = draftOf(group);
  const resolved = { topicNames: ["t"], version: 1, atMs: 0 };
  applyEvent(draft, { type: "regex", pattern: "t.*", resolved });
  applyEvent(draft, { type: "target-gone", memberId: "m1" });
  applyEvent(draft, { type: "target-gone", memberId: "m2" });
  expect([draft.targets.size, group.targets.size]).toEqual([1, 3]);
  expect([draft.regexes.size, group.regexes.size]).toEqual([1, 0]);
  expect(factsKey(draft)).not.toBe(key);
  expect(factsKey(group)).toBe(key);
  const joined = draftOf(group);
  applyEvent(joined, { type: "member", memberId: "m9", facts });
  expect(factsKey(joined)).not.toBe(key);
});

test("a partition is free unless another member has it, however many are asked for", () => {
  const isFree = freeFor(groupOf(20), "m3");
  const free = Array.from({ length: 25 }, (_, partition) => isFree("t", partition));
  expect(free).toEqual(Array.from({ length: 25 }, (_, at) => at === 3 || at >= 20));
});
