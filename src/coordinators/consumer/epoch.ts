/**
 * A consumer group's epochs: when the group moves to the next one, and when its target follows.
 *
 * - The group epoch rises with every change of members' subscriptions and of the topics they name; the target is computed for
 *   the newest one, at most once in `consumer.assignment.interval.ms`, so that members who come together cost one rebalance.
 * - After a bump members learn of it from their heartbeats: a target is computed by the first heartbeat that finds it due.
 */
import { sameAssignment } from "./assignors/ownership.ts";
import { type Assignment, noAssignment } from "./assignors/assignor.ts";
import { configOfGroup } from "./config.ts";
import type { ConsumerDraft } from "./draft.ts";
import type { OwnedPartitions } from "./reconcile.ts";
import { freeFor, reconcile, sameOwned } from "./reconcile.ts";
import { type ConsumerMember, isReconciled, type MemberProgress, targetOf } from "./state.ts";
import { computeTarget, metadataHash, subscribedTopics } from "./target.ts";
import { Refusal } from "../../lib/refusal.ts";
import { present } from "../../lib/assert.ts";

/** Moves the group to the next epoch; without a reason of its own only if its topics are not those that it knew. */
export function bumpEpoch(draft: ConsumerDraft, when: "always" | "if-topics-changed"): void {
  const { env, group } = draft;
  const hash = metadataHash(group, env.image);
  if (group.soft.checkedVersion !== env.image.topicsIndex) {
    draft.setSoft({ checkedVersion: env.image.topicsIndex });
  }
  if (when === "if-topics-changed" && hash === group.metadataHash) return;
  draft.emit({ type: "group", epoch: group.epoch + 1, metadataHash: hash });
}

/** Bumps the epoch if topics have changed since this was last looked at. */
export function bumpIfTopicsChanged(draft: ConsumerDraft): void {
  if (draft.group.soft.checkedVersion === draft.env.image.topicsIndex) return;
  bumpEpoch(draft, "if-topics-changed");
}

/** Whether the group's epoch is newer than the target's, and the interval since that is over. */
export function isTargetDue({ env, group }: ConsumerDraft): boolean {
  if (group.epoch <= group.targetEpoch) return false;
  const { assignmentIntervalMs } = configOfGroup(env.config.consumer, env.image, group.id);
  const isFirst = group.targetAtMs === 0;
  return isFirst || env.nowMs >= group.targetAtMs + assignmentIntervalMs;
}

/** Computes the target for the group's epoch, if it is due. */
export function updateTarget(draft: ConsumerDraft): void {
  const { env, group } = draft;
  if (!isTargetDue(draft)) return;
  for (const [memberId, assignment] of computeTarget(group, env.image)) {
    const before = group.targets.get(memberId);
    if (before && sameAssignment(before, assignment)) continue;
    draft.emit({ type: "target", memberId, assignment });
  }
  draft.emit({ type: "target-epoch", epoch: group.epoch, atMs: env.nowMs });
}

/**
 * Brings the member towards its target. @throws Refusal fenced_member_epoch where its state is of a newer program.
 */
export function reconcileMember(
  draft: ConsumerDraft,
  memberId: string,
  owned: OwnedPartitions | null,
  subscriptionChanged: boolean,
): void {
  const { group, env } = draft;
  const member = present(group.members.get(memberId), "a member is reconciled after it joined");
  if (!subscriptionChanged && isReconciled(member, group.targetEpoch)) return;
  const subscribed = new Set(subscribedTopics(group, member, env.image).map(({ id }) => id));
  const next = reconcile(member, {
    targetEpoch: group.targetEpoch,
    target: targetFor(draft, member),
    subscribed,
    subscriptionChanged,
    owned,
    isFree: freeFor(group, memberId),
  });
  if (next === "rejoin") {
    throw new Refusal(
      "fenced_member_epoch",
      "The member's state is not known here. It must abandon all its partitions and rejoin.",
    );
  }
  if (isSame(member, next)) return;
  draft.setProgress(memberId, next);
  if (member.classic) return;
  if (next.state === "unrevoked") {
    const { rebalanceTimeoutMs } = member;
    const input = { type: "consumer-rebalance-timeout", memberId, epoch: next.epoch } as const;
    draft.setTimer("rebalance", memberId, rebalanceTimeoutMs, input);
  } else {
    draft.cancelTimer("rebalance", memberId);
  }
}

/** Until a first target is computed there is nothing to have. */
function targetFor({ group }: ConsumerDraft, member: ConsumerMember): Assignment {
  return group.targetEpoch === 0 ? noAssignment : targetOf(group, member.id);
}

function isSame(member: ConsumerMember, next: MemberProgress): boolean {
  return (
    member.epoch === next.epoch &&
    member.state === next.state &&
    sameOwned(member.assigned, next.assigned) &&
    sameOwned(member.revoking, next.revoking)
  );
}
