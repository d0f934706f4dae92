/**
 * The rest of a classic member's life: SyncGroup, Heartbeat, LeaveGroup, and the ends of its time-outs.
 */
import { without } from "../../lib/collections.ts";
import { Refusal } from "../../lib/refusal.ts";
import { checkMember, type ClassicDraft, unknownMember } from "./draft.ts";
import { completeIfAllJoined, prepareRebalance, rebalanceOrComplete } from "./rebalance.ts";
import type {
  ClassicMember,
  LeaveAnswer,
  LeavingMember,
  MemberIdentity,
  SyncAnswer,
  SyncRequest,
} from "./state.ts";
import type { Ticket } from "../step.ts";

/** Waits for the leader's SyncGroup, which gives everybody their assignment and makes the group stable. */
export function sync(draft: ClassicDraft, request: SyncRequest, ticket: Ticket<SyncAnswer>): void {
  const { group } = draft;
  const { memberId, instanceId, generation } = request;
  checkMember(draft.members, memberId, instanceId);
  checkGeneration(draft.group.generation, generation);
  if (
    differs(request.protocolType, group.protocolType) ||
    differs(request.protocol, group.protocol)
  ) {
    throw new Refusal(
      "inconsistent_group_protocol",
      `The group's protocol is "${group.protocol}".`,
    );
  }
  switch (group.state) {
    case "Empty":
      throw unknownMember(memberId);
    case "PreparingRebalance":
      throw rebalancing();
    case "CompletingRebalance":
      return waitForAssignment(draft, request, ticket);
    case "Stable":
      synced(draft, memberId);
      return draft.answer(ticket, syncAnswer(draft, draft.member(memberId)));
    default:
      return group.state satisfies never;
  }
}

function waitForAssignment(
  draft: ClassicDraft,
  { memberId, assignments }: SyncRequest,
  ticket: Ticket<SyncAnswer>,
): void {
  const { syncing } = draft.member(memberId);
  if (syncing) draft.answer(syncing, rebalancing());
  draft.change(memberId, { syncing: ticket });
  synced(draft, memberId);
  if (draft.group.leader !== memberId) return;
  draft.enter("Stable");
  for (const id of draft.members.keys()) {
    // What is kept must not hold on to the request's frame.
    const assignment = assignments.get(id)?.slice() ?? new Uint8Array();
    const member = draft.change(id, { assignment });
    if (draft.answerSync(member, syncAnswer(draft, member))) draft.touch(member);
  }
  draft.store();
}

function syncAnswer({ group }: ClassicDraft, { assignment }: ClassicMember): SyncAnswer {
  return { protocolType: group.protocolType, protocol: group.protocol, assignment };
}

function synced(draft: ClassicDraft, memberId: string): void {
  const { group } = draft;
  if (group.pendingSyncs.has(memberId)) group.pendingSyncs = without(group.pendingSyncs, memberId);
}

/** Members of this generation that have not asked for their assignment in time are out. */
export function syncTimeout(draft: ClassicDraft, generation: number): void {
  const { group } = draft;
  if (generation !== group.generation || group.pendingSyncs.size === 0) return;
  if (!draft.isIn("CompletingRebalance", "Stable")) return;
  for (const id of group.pendingSyncs) draft.remove(id);
  prepareRebalance(draft);
}

/** The leader's assignments were too large to be kept: everybody who waits for theirs hears why, and all join again. */
export function assignmentRefused(draft: ClassicDraft, generation: number, why: Refusal): void {
  if (generation !== draft.group.generation || !draft.isIn("CompletingRebalance")) return;
  draft.resetAssignments(why);
  prepareRebalance(draft);
}

export function heartbeat(
  draft: ClassicDraft,
  { memberId, instanceId, generation }: MemberIdentity,
  ticket: Ticket<"heard">,
): void {
  checkMember(draft.members, memberId, instanceId);
  checkGeneration(draft.group.generation, generation);
  draft.touch(draft.member(memberId));
  if (draft.isIn("PreparingRebalance")) draft.answer(ticket, rebalancing());
  else draft.answer(ticket, "heard");
}

/** A session is over: the member is out, unless it waits here for an answer; new ones have waited long enough. */
export function sessionTimeout(draft: ClassicDraft, memberId: string): void {
  const member = draft.members.get(memberId);
  if (!member) {
    if (!draft.group.pendingJoins.has(memberId)) return;
    draft.remove(memberId);
    return completeIfAllJoined(draft);
  }
  if (!member.isNew && (member.joining || member.syncing)) return;
  draft.remove(memberId);
  afterRemoval(draft);
}

export function leave(
  draft: ClassicDraft,
  leaving: readonly LeavingMember[],
  ticket: Ticket<readonly LeaveAnswer[]>,
): void {
  const answers = leaving.map((each) => leaveOne(draft, each));
  if (answers.includes(null)) afterRemoval(draft);
  draft.answer(ticket, answers);
}

function leaveOne(draft: ClassicDraft, { memberId, instanceId }: LeavingMember): LeaveAnswer {
  if (memberId === "") {
    const holder = instanceId === null ? null : draft.holderOf(instanceId);
    if (!holder) return "unknown_member_id";
    draft.remove(holder.id);
    return null;
  }
  if (!draft.group.pendingJoins.has(memberId)) {
    const holder = instanceId === null ? null : draft.holderOf(instanceId);
    if (holder && holder.id !== memberId) return "fenced_instance_id";
    if (instanceId !== null && !holder) return "unknown_member_id";
    if (!draft.members.has(memberId)) return "unknown_member_id";
  }
  draft.remove(memberId);
  return null;
}

function afterRemoval(draft: ClassicDraft): void {
  if (draft.isIn("Stable", "CompletingRebalance")) rebalanceOrComplete(draft);
  else completeIfAllJoined(draft);
}

export function checkGeneration(current: number, generation: number): void {
  if (generation === current) return;
  throw new Refusal(
    "illegal_generation",
    `The group is in generation ${current}, not ${generation}; join again.`,
    { generation: current },
  );
}

export function rebalancing(): Refusal {
  return new Refusal("rebalance_in_progress", "The group is rebalancing; join again.");
}

function differs(asked: string | null, known: string | null): boolean {
  return asked !== null && known !== null && asked !== known;
}
