/**
 * Whether a member of a consumer group may commit and fetch offsets in the epoch that it says.
 *
 * - An epoch of before is good for partitions that the member has had since then or longer (KIP-1251): a rebalance under way
 *   loses no commit.
 * - Left out: nothing is asked of an administrator, or of a consumer that assigns itself, while the group is empty.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { MemberIdentity } from "../classic/state.ts";
import type { ConsumerGroup, ConsumerMember } from "./state.ts";

/** Who asks to commit, and how. */
export interface CommitAsked extends MemberIdentity {
  readonly transactional: boolean;
  /** False for clients older than the consumer protocol (OffsetCommit before version 9). */
  readonly knowsEpochs: boolean;
}

/** Says of each partition why an offset may not be committed; null: it may. */
export type PartitionCheck = (topicId: string | null, partition: number) => Refusal | null;

const fine: PartitionCheck = () => null;

/** @throws Refusal where nothing may be committed. */
export function checkCommit(group: ConsumerGroup, asked: CommitAsked): PartitionCheck {
  const { memberId, generation, transactional } = asked;
  if (generation < 0 && group.members.size === 0) return fine;
  const isAnonymous = generation === -1 && memberId === "" && asked.instanceId === null;
  if (transactional && isAnonymous) return fine;
  const member = memberOf(group, memberId);
  if (!transactional && !member.classic && !asked.knowsEpochs) {
    throw new Refusal(
      "unsupported_version",
      "OffsetCommit version 9 or above must be used by members using the consumer group protocol.",
    );
  }
  if (generation === member.epoch) return fine;
  if (generation > member.epoch) throw stale(member, generation);
  const refusal = stale(member, generation);
  return (topicId, partition) => {
    const held = topicId === null ? undefined : heldSince(member, topicId, partition);
    return held !== undefined && held <= generation ? null : refusal;
  };
}

function heldSince(member: ConsumerMember, topicId: string, partition: number): number | undefined {
  return (
    member.assigned.get(topicId)?.get(partition) ?? member.revoking.get(topicId)?.get(partition)
  );
}

/** @throws Refusal where a member asks that is not one, or in another epoch. Without a member everybody may ask. */
export function checkFetch(
  group: ConsumerGroup,
  memberId: string | null,
  memberEpoch: number,
): void {
  if (memberId === null && memberEpoch < 0) return;
  const member = memberOf(group, memberId ?? "");
  if (memberEpoch !== member.epoch) throw stale(member, memberEpoch);
}

function memberOf(group: ConsumerGroup, memberId: string): ConsumerMember {
  const member = group.members.get(memberId);
  if (member) return member;
  throw new Refusal(
    "unknown_member_id",
    `Member ${memberId} is not a member of group ${group.id}.`,
  );
}

function stale({ epoch, classic }: ConsumerMember, asked: number): Refusal {
  return classic
    ? new Refusal("illegal_generation", `The generation is ${epoch}, not ${asked}; join again.`)
    : new Refusal("stale_member_epoch", `The member epoch is ${epoch}, not ${asked}.`, {
        member_epoch: epoch,
      });
}
