/**
 * Why an offset was not committed, in a sentence that names the place and says what to do.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { OffsetRefusal } from "./verbs.ts";

/** `partitions` is how many the topic has; null where there is no such topic. */
export function notCommitted(
  code: NonNullable<OffsetRefusal>,
  topic: string,
  partition: number,
  partitions: number | null,
): Refusal {
  const detail = `Nothing was committed for partition ${partition} of "${topic}": ${whyOf(code, partitions)}`;
  return new Refusal(code, detail, { topic, partition });
}

function whyOf(code: NonNullable<OffsetRefusal>, partitions: number | null): string {
  switch (code) {
    case "unknown_topic_or_partition":
    case "unknown_topic_id":
      return partitions === null
        ? "there is no such topic. Create it, or leave it out."
        : `the topic has ${partitions} partitions, counted from 0. Leave it out.`;
    case "offset_metadata_too_large":
      return "its metadata is too long. Send less, or none.";
    case "group_subscribed_to_topic":
      return "the group's members read the topic. Stop them first.";
    default:
      return code satisfies never;
  }
}
