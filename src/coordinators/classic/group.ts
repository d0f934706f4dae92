/**
 * A classic group's step: Kafka's original rebalance protocol, in which members join, one of them assigns, all of them sync.
 *
 * - A refusal goes to who asked, and changes nothing. What the members' states mean is in `state.ts`, joining in `join.ts`,
 *   how a generation begins in `rebalance.ts`, the rest in `members.ts`.
 * - After a load every member's session begins anew; who waited for an answer asks again.
 */
import { Refusal } from "../../lib/refusal.ts";
import { ClassicDraft, unknownMember } from "./draft.ts";
import { join } from "./join.ts";
import {
  assignmentRefused,
  heartbeat,
  leave,
  sessionTimeout,
  sync,
  syncTimeout,
} from "./members.ts";
import { afterInitialWait, completeJoin } from "./rebalance.ts";
import { type ClassicGroup, type ClassicInput, emptyClassicGroup } from "./state.ts";
import type { GroupEnv } from "../groups/group.ts";
import { refuse, type Step, unchanged } from "../step.ts";

/** `group` is null when there is none of that id. */
export function stepClassicGroup(
  id: string,
  group: ClassicGroup | null,
  input: ClassicInput,
  env: GroupEnv,
): Step<ClassicGroup, ClassicInput> {
  if (!group && !(input.type === "join" && input.request.memberId === "")) {
    if (!("ticket" in input)) return unchanged<ClassicGroup, ClassicInput>(null);
    return unchanged<ClassicGroup, ClassicInput>(null, {
      replies: [refuse(input.ticket, absent(input))],
    });
  }
  const draft = new ClassicDraft(group ?? emptyClassicGroup(id, env.nowMs), env);
  try {
    work(draft, input);
  } catch (error) {
    if (!(error instanceof Refusal) || !("ticket" in input)) throw error;
    return unchanged(group, { replies: [refuse(input.ticket, error)] });
  }
  if (!group && !draft.hasRecords) draft.storeNew();
  return draft.finish();
}

function work(draft: ClassicDraft, input: ClassicInput): void {
  switch (input.type) {
    case "join":
      return join(draft, input);
    case "sync":
      return sync(draft, input.request, input.ticket);
    case "heartbeat":
      return heartbeat(draft, input.member, input.ticket);
    case "leave":
      return leave(draft, input.members, input.ticket);
    case "join-timeout":
      return draft.isIn("PreparingRebalance") ? completeJoin(draft) : undefined;
    case "initial-wait":
      return afterInitialWait(draft, input.waitMs, input.remainingMs);
    case "sync-timeout":
      return syncTimeout(draft, input.generation);
    case "session-timeout":
      return sessionTimeout(draft, input.memberId);
    case "assignment-refused":
      return assignmentRefused(draft, input.generation, input.why);
    default:
      return input satisfies never;
  }
}

/** Sets every member's session anew, after a load or a take-over. */
export function resumeClassicGroup(
  group: ClassicGroup,
  env: GroupEnv,
): Step<ClassicGroup, ClassicInput> {
  const draft = new ClassicDraft(group, env);
  for (const member of group.members.values()) draft.touch(member);
  return draft.finish();
}

type Asking = Extract<ClassicInput, { readonly ticket: unknown }>;

function absent(input: Asking): Refusal {
  if (input.type === "join") return unknownMember(input.request.memberId);
  if (input.type === "leave") return unknownMember(input.members[0]?.memberId ?? "");
  return unknownMember(input.type === "sync" ? input.request.memberId : input.member.memberId);
}
