/**
 * JoinGroup in a classic group: who may come in, who begins a rebalance, who is answered at once.
 *
 * - A dynamic member without an id is given one to come back with (KIP-394); until it does, or its session is over, its place is
 *   kept.
 * - A static member that comes without an id takes its instance's place: in a stable group without a rebalance as long as the
 *   protocol stays (KIP-345), and the one that held the place before is fenced.
 */
import { without } from "../../lib/collections.ts";
import { Refusal } from "../../lib/refusal.ts";
import { checkMember, type ClassicDraft, fenced, unknownMember } from "./draft.ts";
import {
  completeIfAllJoined,
  electProtocol,
  joinAnswer,
  joinedMembers,
  prepareRebalance,
  rebalanceOrComplete,
} from "./rebalance.ts";
import type { ClassicMember, ClassicProtocol, JoinAnswer, JoinRequest } from "./state.ts";
import type { Ticket } from "../step.ts";

/** A JoinGroup with who waits for its answer. */
interface Join {
  readonly request: JoinRequest;
  readonly ticket: Ticket<JoinAnswer>;
}

export function join(draft: ClassicDraft, { request, ticket }: Join): void {
  const { memberId, protocolType, protocols } = request;
  if (!hasRoom(draft, memberId)) {
    draft.remove(memberId);
    const { sizeMax } = draft.env.config;
    throw new Refusal("group_max_size_reached", `The group has ${sizeMax} members, its most.`);
  }
  if (!draft.supports(protocolType, protocols)) {
    throw new Refusal(
      "inconsistent_group_protocol",
      `The group's members share none of the protocols named, or are of another type than "${protocolType}".`,
    );
  }
  if (memberId === "") joinAnew(draft, { request, ticket });
  else joinAgain(draft, { request, ticket });
}

function hasRoom(draft: ClassicDraft, memberId: string): boolean {
  const { sizeMax } = draft.env.config;
  const member = draft.members.get(memberId);
  switch (draft.group.state) {
    case "Empty":
      // Places handed out count as well, so that ids alone cannot grow without bound.
      return draft.group.pendingJoins.size < sizeMax || draft.group.pendingJoins.has(memberId);
    case "PreparingRebalance":
      if (member?.joining || draft.awaitingJoin() < sizeMax) break;
      return false;
    case "CompletingRebalance":
    case "Stable":
      if (member || draft.members.size < sizeMax) break;
      return false;
    default:
      draft.group.state satisfies never;
  }
  if (member || draft.group.pendingJoins.has(memberId)) return true;
  return draft.members.size + draft.group.pendingJoins.size < 2 * sizeMax;
}

function joinAnew(draft: ClassicDraft, { request, ticket }: Join): void {
  const { instanceId, newMemberId, memberIdRequired, sessionTimeoutMs } = request;
  if (instanceId !== null) {
    const holder = draft.holderOf(instanceId);
    if (holder) replaceStatic(draft, holder, { request, ticket });
    else addMember(draft, newMemberId, { request, ticket });
    return;
  }
  if (!memberIdRequired) return addMember(draft, newMemberId, { request, ticket });
  draft.group.pendingJoins = new Set(draft.group.pendingJoins).add(newMemberId);
  draft.expect(newMemberId, sessionTimeoutMs);
  draft.answer(
    ticket,
    new Refusal("member_id_required", `Join again as "${newMemberId}".`, { memberId: newMemberId }),
  );
}

function joinAgain(draft: ClassicDraft, { request, ticket }: Join): void {
  const { memberId, instanceId, protocols } = request;
  if (draft.group.pendingJoins.has(memberId) && instanceId === null) {
    return addMember(draft, memberId, { request, ticket });
  }
  checkMember(draft.members, memberId, instanceId);
  const member = draft.member(memberId);
  switch (draft.group.state) {
    case "PreparingRebalance":
      return updateMember(draft, member, { request, ticket });
    case "CompletingRebalance":
      // Its answer was lost on the way: the same once more.
      if (!matches(member.protocols, protocols)) break;
      return draft.answer(ticket, joinAnswer(draft, member));
    case "Stable":
      if (draft.group.leader === memberId || !matches(member.protocols, protocols)) break;
      return draft.answer(ticket, joinAnswer(draft, member));
    case "Empty":
      throw unknownMember(memberId);
    default:
      return draft.group.state satisfies never;
  }
  return updateMember(draft, member, { request, ticket });
}

function addMember(draft: ClassicDraft, id: string, { request, ticket }: Join): void {
  const { group, members } = draft;
  const { instanceId, clientId, clientHost, protocols, protocolType } = request;
  if (members.size === 0) group.protocolType = protocolType;
  group.leader ??= id;
  if (group.pendingJoins.has(id)) group.pendingJoins = without(group.pendingJoins, id);
  const member: ClassicMember = {
    id,
    instanceId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols,
    assignment: new Uint8Array(),
    isNew: true,
    joining: ticket,
    syncing: null,
  };
  draft.put(member);
  if (group.initial) group.joinedInWait = true;
  // New, it waits for the others without a heartbeat of its own; not for ever.
  draft.touch(member, draft.env.config.newMemberJoinTimeoutMs);
  rebalanceOrComplete(draft);
}

function updateMember(draft: ClassicDraft, member: ClassicMember, join: Join): void {
  takeRequest(draft, member, join);
  rebalanceOrComplete(draft);
}

/** The member's newest JoinGroup stands for it; an older one that still waits is told to go. */
function takeRequest(draft: ClassicDraft, member: ClassicMember, { request, ticket }: Join): void {
  if (member.joining) {
    draft.answer(
      member.joining,
      new Refusal("rebalance_in_progress", "The member has sent another JoinGroup since."),
    );
  }
  const { protocols, rebalanceTimeoutMs, sessionTimeoutMs } = request;
  draft.change(member.id, { protocols, rebalanceTimeoutMs, sessionTimeoutMs, joining: ticket });
}

function replaceStatic(draft: ClassicDraft, holder: ClassicMember, join: Join): void {
  const { group } = draft;
  const { newMemberId, instanceId } = join.request;
  const leaderBefore = group.leader;
  replaceMember(draft, holder, newMemberId, fenced(instanceId ?? ""));
  takeRequest(draft, draft.member(newMemberId), join);
  if (draft.isIn("CompletingRebalance")) return prepareRebalance(draft);
  if (!draft.isIn("Stable")) return completeIfAllJoined(draft);
  if (electProtocol(draft) !== group.protocol) return rebalanceOrComplete(draft);
  draft.store();
  const member = draft.member(newMemberId);
  const leads = group.leader === newMemberId;
  // A client that cannot be told to skip must not think that it leads: it would assign anew.
  draft.answerJoin(
    member,
    join.request.canSkipAssignment
      ? {
          ...joinAnswer(draft, member),
          skipAssignment: leads,
          members: leads ? joinedMembers(draft) : [],
        }
      : { ...joinAnswer(draft, member), leader: leaderBefore, members: [] },
  );
}

/** The same member under a new id, in its old place of the order. */
function replaceMember(draft: ClassicDraft, old: ClassicMember, id: string, why: Refusal): void {
  draft.answerJoin(old, why);
  draft.answerSync(draft.member(old.id), why);
  draft.rename(old.id, id);
  draft.touch(draft.member(id));
}

function matches(known: readonly ClassicProtocol[], asked: readonly ClassicProtocol[]): boolean {
  if (known.length !== asked.length) return false;
  return known.every(({ name, metadata }, at) => {
    const other = asked[at];
    return other?.name === name && Buffer.compare(metadata, other.metadata) === 0;
  });
}
