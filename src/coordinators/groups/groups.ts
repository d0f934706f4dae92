/**
 * The group coordinator's core: one key is one group, its members (classic or consumer) and its offsets.
 *
 * - Whichever kind of group it is decides who takes an input; a refusal goes to who asked and changes nothing.
 * - Replay knows Kafka's records of groups and offsets in every version; of other kinds (share groups, streams groups) it keeps
 *   nothing.
 */
import { Refusal } from "../../lib/refusal.ts";
import { resumeClassicGroup, stepClassicGroup } from "../classic/group.ts";
import { resumeConsumerGroup, stepClassicInput, stepConsumerInput } from "../consumer/group.ts";
import type {
  Group,
  GroupEffect,
  GroupEnv,
  GroupInput,
  Membership,
  MembershipInput,
} from "./group.ts";
import { groupBytes, noRoomFor } from "./bytes.ts";
import { groupOf, replayEnd, replayGroup } from "./replay.ts";
import { noOffsets } from "../offsets/state.ts";
import { stepOffsets } from "../offsets/offsets.ts";
import { type Core, refuse, type Step, unchanged } from "../step.ts";

export const groupCore: Core<Group, GroupInput, GroupEnv, GroupEffect> = {
  step: (group, input, env, id) => stepGroup(id, group, input, env),
  keyOf: groupOf,
  replay: replayGroup,
  replayMarker: replayEnd,
  bytesOf: groupBytes,
  noRoomFor,
  tooLarge: (input, why) =>
    input.type === "sync"
      ? { type: "assignment-refused", generation: input.request.generation, why }
      : null,
  loaded: { type: "loaded" },
  marker: (transaction, committed) => ({ type: "marker", transaction, committed }),
};

/** One group's step. */
export function stepGroup(
  id: string,
  group: Group | null,
  input: GroupInput,
  env: GroupEnv,
): Step<Group, GroupInput, GroupEffect> {
  try {
    switch (input.type) {
      case "commit":
      case "transactional-commit":
      case "delete-offsets":
      case "delete-group":
      case "sweep":
      case "topics-deleted":
      case "marker":
        return stepOffsets(id, group, input, env);
      case "loaded":
      case "join":
      case "sync":
      case "heartbeat":
      case "leave":
      case "join-timeout":
      case "initial-wait":
      case "sync-timeout":
      case "session-timeout":
      case "assignment-refused":
      case "consumer-heartbeat":
      case "consumer-timeout":
      case "consumer-rebalance-timeout":
      case "regexes-resolved":
        return stepMembers(id, group, input, env);
      default:
        return input satisfies never;
    }
  } catch (error) {
    if (!(error instanceof Refusal) || !("ticket" in input)) throw error;
    return unchanged(group, { replies: [refuse(input.ticket, error)] });
  }
}

function stepMembers(
  id: string,
  group: Group | null,
  input: MembershipInput | { readonly type: "loaded" },
  env: GroupEnv,
): Step<Group, GroupInput, GroupEffect> {
  const { next, ...step } = stepMembership(id, group?.members ?? null, input, env);
  const offsets = group?.offsets ?? noOffsets;
  if (next === group?.members) return { ...step, next: group };
  return { ...step, next: next && { id, members: next, offsets } };
}

function stepMembership(
  id: string,
  members: Membership | null,
  input: MembershipInput | { readonly type: "loaded" },
  env: GroupEnv,
): Step<Membership, MembershipInput, GroupEffect> {
  switch (input.type) {
    case "consumer-heartbeat":
    case "consumer-timeout":
    case "consumer-rebalance-timeout":
    case "regexes-resolved":
      return stepConsumerInput(id, members, input, env);
    case "loaded":
      if (!members) return unchanged<Membership, MembershipInput, GroupEffect>(null);
      if (members.type === "consumer") return resumeConsumerGroup(members, env);
      return resumeClassicGroup(members, env);
    case "join":
    case "sync":
    case "heartbeat":
    case "leave":
    case "join-timeout":
    case "initial-wait":
    case "sync-timeout":
    case "session-timeout":
    case "assignment-refused":
      if (members?.type === "consumer") return stepClassicInput(members, input, env);
      return stepClassicGroup(id, members, input, env);
    default:
      return input satisfies never;
  }
}
