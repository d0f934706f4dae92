/**
 * A rebalance of a classic group, from its beginning to the next generation.
 *
 * - It waits for every member to join, at most for the longest rebalance timeout; who has not come by then is out, but for
 *   static members. An empty group's first one waits a little longer as long as others come (KIP-134).
 * - When it completes the protocol is voted on, every JoinGroup is answered, and members have the rebalance timeout once more
 *   to ask for their assignment (KAFKA-9235's pending sync).
 */
import { assert } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { ClassicDraft } from "./draft.ts";
import type { ClassicMember, JoinAnswer, JoinedMember } from "./state.ts";
import { topicsReadBy } from "./consumer-protocol.ts";

/** A change that asks for a new generation has happened: begin one, or see whether the one under way is complete. */
export function rebalanceOrComplete(draft: ClassicDraft): void {
  if (draft.isIn("PreparingRebalance")) completeIfAllJoined(draft);
  else prepareRebalance(draft);
}

export function prepareRebalance(draft: ClassicDraft): void {
  const { group, env } = draft;
  if (draft.isIn("CompletingRebalance")) {
    draft.resetAssignments(
      new Refusal("rebalance_in_progress", "The group has begun another rebalance; join again."),
    );
  }
  group.pendingSyncs = new Set();
  draft.cancelTimer("sync");
  draft.enter("PreparingRebalance");
  const timeoutMs = draft.rebalanceTimeoutMs();
  if (group.initial) {
    const waitMs = env.config.initialRebalanceDelayMs;
    const remainingMs = Math.max(timeoutMs - waitMs, 0);
    draft.setTimer("join", waitMs, { type: "initial-wait", waitMs, remainingMs });
  } else if (draft.hasEverybodyJoined()) {
    completeJoin(draft);
  } else {
    draft.setTimer("join", timeoutMs, { type: "join-timeout" });
  }
}

/** An initial rebalance completes by its timer alone. */
export function completeIfAllJoined(draft: ClassicDraft): void {
  if (!draft.isIn("PreparingRebalance") || draft.group.initial) return;
  if (draft.hasEverybodyJoined()) completeJoin(draft);
}

/** The wait of an initial rebalance is over: once more if somebody came meanwhile and time is left, else it completes. */
export function afterInitialWait(draft: ClassicDraft, waitMs: number, remainingMs: number): void {
  const { group, env } = draft;
  if (!group.initial) return;
  if (!group.joinedInWait || remainingMs === 0) return completeJoin(draft);
  group.joinedInWait = false;
  const nextMs = Math.min(env.config.initialRebalanceDelayMs, remainingMs);
  draft.setTimer("join", nextMs, {
    type: "initial-wait",
    waitMs: nextMs,
    remainingMs: Math.max(remainingMs - waitMs, 0),
  });
}

export function completeJoin(draft: ClassicDraft): void {
  draft.cancelTimer("join");
  for (const member of draft.members.values()) {
    if (!member.joining && member.instanceId === null) draft.remove(member.id);
  }
  if (!electJoinedLeader(draft) && draft.members.size > 0) {
    // Static members alone, and none has joined: there is nobody to lead.
    draft.setTimer("join", draft.rebalanceTimeoutMs(), { type: "join-timeout" });
    return;
  }
  beginGeneration(draft);
  if (draft.isIn("Empty")) return draft.store();
  answerJoins(draft);
  const { generation } = draft.group;
  draft.setTimer("sync", draft.rebalanceTimeoutMs(), { type: "sync-timeout", generation });
}

/** A leader that did not join gives way to a member that did; false when there is none. */
function electJoinedLeader(draft: ClassicDraft): boolean {
  const { group } = draft;
  if (group.leader === null) return false;
  if (draft.member(group.leader).joining) return true;
  for (const member of draft.members.values()) {
    if (!member.joining) continue;
    group.leader = member.id;
    return true;
  }
  return false;
}

function beginGeneration(draft: ClassicDraft): void {
  const { group, members } = draft;
  group.generation = group.generation === 2 ** 31 - 1 ? 0 : group.generation + 1;
  group.pendingSyncs = new Set();
  if (members.size === 0) {
    group.protocol = null;
    group.subscribed = group.protocolType === "consumer" ? new Set() : null;
    draft.enter("Empty");
  } else {
    group.protocol = electProtocol(draft);
    group.subscribed = topicsReadBy(members.values(), group.protocolType, group.protocol);
    draft.enter("CompletingRebalance");
  }
}

/** Each member votes for the first of its protocols that all of them know; the most votes win, the older member's on a tie. */
export function electProtocol(draft: ClassicDraft): string {
  const shared = draft.sharedProtocols();
  const votes = new Map<string, number>();
  for (const { protocols } of draft.members.values()) {
    const vote = protocols.find(({ name }) => shared.has(name))?.name;
    assert(vote !== undefined, "members of a group share a protocol");
    votes.set(vote, (votes.get(vote) ?? 0) + 1);
  }
  let elected: string | null = null;
  for (const [name, count] of votes) {
    if (elected === null || count > (votes.get(elected) ?? 0)) elected = name;
  }
  assert(elected !== null, "a group that votes has members");
  return elected;
}

function answerJoins(draft: ClassicDraft): void {
  const ids = [...draft.members.keys()];
  draft.group.pendingSyncs = new Set(ids);
  for (const id of ids) {
    const member = draft.change(id, { isNew: false });
    draft.answerJoin(member, joinAnswer(draft, member));
    draft.touch(member);
  }
}

export function joinAnswer(draft: ClassicDraft, member: ClassicMember): JoinAnswer {
  const { generation, protocolType, protocol, leader } = draft.group;
  return {
    memberId: member.id,
    generation,
    protocolType,
    protocol,
    leader,
    members: leader === member.id ? joinedMembers(draft) : [],
    skipAssignment: false,
  };
}

/** What the leader learns of everybody. */
export function joinedMembers(draft: ClassicDraft): JoinedMember[] {
  const { protocol } = draft.group;
  return [...draft.members.values()].map(({ id, instanceId, protocols }) => ({
    memberId: id,
    instanceId,
    metadata: protocols.find(({ name }) => name === protocol)?.metadata ?? new Uint8Array(),
  }));
}
