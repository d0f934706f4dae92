/**
 * A partition's leader epoch: where it stands in the metadata, and what is said to who asks with another one (KIP-320).
 */
import type { TopicImage } from "../cluster/image.ts";
import { Refusal } from "../lib/refusal.ts";

export function leaderEpochOf(topic: TopicImage, index: number): number {
  return topic.partitions[index]?.leaderEpoch ?? 0;
}

/** Throws Refusal fenced_leader_epoch for an epoch that is over, unknown_leader_epoch for one that has not begun. */
export function checkEpoch(asked: number, current: number): void {
  if (asked === current) return;
  if (asked < current) {
    throw new Refusal(
      "fenced_leader_epoch",
      `Leader epoch ${asked} is over; the partition is at ${current}.`,
      { epoch: current },
    );
  }
  throw new Refusal(
    "unknown_leader_epoch",
    `Leader epoch ${asked} has not begun here; the partition is at ${current}.`,
    { epoch: current },
  );
}

/** Who asks a partition that was closed in between. */
export function notLed(): Refusal {
  return new Refusal("not_leader_or_follower", "The partition is not kept here any more.");
}
