/**
 * A consumer group's step: KIP-848, in which the coordinator assigns, and every member gets there at its own pace.
 *
 * - The rules of a heartbeat are in `heartbeat.ts`, how epochs move in `epoch.ts`, classic members in `classic-members.ts`, and
 *   how a group changes its kind in `convert.ts`.
 * - A refusal goes to who asked, and changes nothing.
 * - An empty group stays, with its epoch and its offsets, until it is deleted or a classic member begins anew.
 */
import { Refusal } from "../../lib/refusal.ts";
import { stepClassicGroup } from "../classic/group.ts";
import type { ClassicGroup, ClassicInput } from "../classic/state.ts";
import { heartbeatClassic, joinClassic, leaveClassic, syncClassic } from "./classic-members.ts";
import {
  downgrade,
  isDowngrade,
  isDowngradeByReplacing,
  tombstones,
  type Upgrade,
  upgrade,
} from "./convert.ts";
import { ConsumerDraft } from "./draft.ts";
import { heartbeat, memberToLeave, removeMembers, resume } from "./heartbeat.ts";
import { consumerRecord } from "./records.ts";
import { regexesResolved } from "./regex.ts";
import type { ConsumerHeartbeat, ConsumerHeartbeatAnswer } from "./request.ts";
import {
  applyEvent,
  type ConsumerEffect,
  type ConsumerEvent,
  type ConsumerGroup,
  type ConsumerMember,
  type ConsumerTimeout,
  draftOf,
  type MutableConsumerGroup,
  newConsumerGroup,
  type RegexesResolved,
} from "./state.ts";
import type { GroupEnv } from "../groups/group.ts";
import {
  type CoordinatorRecord,
  refuse,
  type Reply,
  reply,
  type Step,
  type Ticket,
  unchanged,
} from "../step.ts";

export type ConsumerInput =
  | {
      readonly type: "consumer-heartbeat";
      readonly request: ConsumerHeartbeat;
      readonly ticket: Ticket<ConsumerHeartbeatAnswer>;
    }
  | ConsumerTimeout
  | RegexesResolved;

type AnyGroup = ConsumerGroup | ClassicGroup;
export type ConsumerStep = Step<AnyGroup, ConsumerInput | ClassicInput, ConsumerEffect>;

/** `group` is null when there is none of that id; a classic group is upgraded where a consumer member may join it. */
export function stepConsumerInput(
  id: string,
  group: AnyGroup | null,
  input: ConsumerInput,
  env: GroupEnv,
): ConsumerStep {
  if (input.type === "consumer-heartbeat") return stepHeartbeat(id, group, input, env);
  if (group?.type !== "consumer") return unchanged(group);
  const draft = new ConsumerDraft(id, group, env);
  if (input.type === "regexes-resolved") {
    regexesResolved(draft, input);
    return finish(draft);
  }
  const member = group.members.get(input.memberId);
  if (!member) return unchanged(group);
  if (input.type === "consumer-rebalance-timeout" && input.epoch !== member.epoch) {
    return unchanged(group);
  }
  return removed(draft, [member], []);
}

function stepHeartbeat(
  id: string,
  group: AnyGroup | null,
  { request, ticket }: Extract<ConsumerInput, { readonly type: "consumer-heartbeat" }>,
  env: GroupEnv,
): ConsumerStep {
  try {
    if (request.memberEpoch < 0) return stepLeave(existing(id, group, env), request, ticket);
    const begun = begin(id, group, request, env);
    const answer = heartbeat(begun.draft, request);
    return finish(begun.draft, [...begun.replies, reply(ticket, answer)], begun.timers);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return unchanged(group, { replies: [reply(ticket, error)] });
  }
}

function begin(
  id: string,
  group: AnyGroup | null,
  { memberEpoch }: ConsumerHeartbeat,
  env: GroupEnv,
): Upgrade {
  if (memberEpoch !== 0) return { draft: existing(id, group, env), replies: [], timers: [] };
  if (group?.type === "classic") return upgrade(group, env);
  return { draft: new ConsumerDraft(id, group, env), replies: [], timers: [] };
}

function existing(id: string, group: AnyGroup | null, env: GroupEnv): ConsumerDraft {
  if (group?.type === "consumer") return new ConsumerDraft(id, group, env);
  throw new Refusal(
    "group_id_not_found",
    group ? `Group ${id} is not a consumer group.` : `Consumer group ${id} not found.`,
  );
}

function stepLeave(
  draft: ConsumerDraft,
  request: ConsumerHeartbeat,
  ticket: Ticket<ConsumerHeartbeatAnswer>,
): ConsumerStep {
  const member = memberToLeave(draft, request);
  const { memberId, memberEpoch } = request;
  const answer = { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null };
  const replies = [reply(ticket, answer)];
  return member ? removed(draft, [member], replies) : finish(draft, replies);
}

/** The group without these members, as a classic one if the others are. */
function removed(
  draft: ConsumerDraft,
  members: readonly ConsumerMember[],
  replies: readonly Reply[],
): ConsumerStep {
  if (!isDowngrade(draft, members)) {
    removeMembers(draft, members);
    return finish(draft, replies);
  }
  for (const { id } of members) {
    draft.removeMember(id);
    draft.cancelTimers(id);
  }
  return finishDowngrade(draft, { rebalance: true, replies });
}

/** What a member of the classic protocol asks of a consumer group. Time-outs of a classic group that is gone do nothing. */
export function stepClassicInput(
  group: ConsumerGroup,
  input: ClassicInput,
  env: GroupEnv,
): ConsumerStep {
  if (!("ticket" in input)) return unchanged(group);
  if (input.type === "join" && group.members.size === 0) return beginClassic(group, input, env);
  const draft = new ConsumerDraft(group.id, group, env);
  try {
    switch (input.type) {
      case "join":
        return stepJoin(draft, input);
      case "sync":
        return finish(draft, [reply(input.ticket, syncClassic(draft, input.request))]);
      case "heartbeat":
        return finish(draft, [reply(input.ticket, heartbeatClassic(draft, input.member))]);
      case "leave": {
        const { gone, answers } = leaveClassic(group, input.members);
        const replies = [reply(input.ticket, answers)];
        return gone.length > 0 ? removed(draft, gone, replies) : finish(draft, replies);
      }
      default:
        return input satisfies never;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return unchanged(group, { replies: [refuse(input.ticket, error)] });
  }
}

function stepJoin(
  draft: ConsumerDraft,
  { request, ticket }: Extract<ClassicInput, { readonly type: "join" }>,
): ConsumerStep {
  let downgrades = false;
  const { answer, subscriptionChanged } = joinClassic(draft, request, (replaced) => {
    downgrades = isDowngradeByReplacing(draft, replaced);
    return downgrades;
  });
  const replies = [reply(ticket, answer)];
  return downgrades
    ? finishDowngrade(draft, { rebalance: subscriptionChanged, replies })
    : finish(draft, replies);
}

/** An empty consumer group gives way to a classic one. */
function beginClassic(
  group: ConsumerGroup,
  input: Extract<ClassicInput, { readonly type: "join" }>,
  env: GroupEnv,
): ConsumerStep {
  const begun = stepClassicGroup(group.id, null, input, env);
  if (!begun.next) return { ...begun, next: group };
  return { ...begun, records: [...consumerTombstones(group), ...begun.records] };
}

function finishDowngrade(
  draft: ConsumerDraft,
  { rebalance, replies }: { readonly rebalance: boolean; readonly replies: readonly Reply[] },
): ConsumerStep {
  const { classic, records } = downgrade(draft, rebalance);
  const step = classic.finish();
  return {
    ...step,
    records: [...records, ...step.records],
    replies: [...replies, ...step.replies],
    timers: [...draft.timers, ...step.timers],
  };
}

function finish(
  draft: ConsumerDraft,
  replies: readonly Reply[] = [],
  timers: ConsumerStep["timers"] = [],
): ConsumerStep {
  return {
    next: draft.group,
    records: draft.records,
    replies,
    timers: [...timers, ...draft.timers],
    effects: draft.effects,
  };
}

/** Sets every member's time anew, after a load. */
export function resumeConsumerGroup(group: ConsumerGroup, env: GroupEnv): ConsumerStep {
  const draft = new ConsumerDraft(group.id, group, env);
  resume(draft);
  return finish(draft);
}

/** The tombstones of a group that is deleted. */
export function consumerTombstones(group: ConsumerGroup): readonly CoordinatorRecord[] {
  return tombstones(group).map((event) => consumerRecord(group.id, event));
}

/** Groups that a replay has made: it alone holds them, so that it may change them in place. */
const replayed = new WeakMap<ConsumerGroup, MutableConsumerGroup>();

/** The group after an event that was read back; null: there is none (any more). */
export function replayConsumerEvent(
  id: string,
  group: ConsumerGroup | null,
  event: ConsumerEvent,
): ConsumerGroup | null {
  if (!group && event.type.endsWith("-gone")) return null;
  const own = group ? (replayed.get(group) ?? draftOf(group)) : newConsumerGroup(id);
  if (!applyEvent(own, event)) return null;
  replayed.set(own, own);
  return own;
}
