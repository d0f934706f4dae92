/**
 * Who may do what to which topic. Every verb asks here first.
 *
 * - Internal topics (`__*`) are closed to both doors for writing, creating, changing and deleting: the node alone writes
 *   there. Anybody may read what they may describe.
 * - Left out: principals and access rules, until security/ is there; until then whoever passed the door may do the rest.
 */
import { Refusal } from "../lib/refusal.ts";

const INTERNAL_PREFIX = "__";

export function isInternal(topic: string): boolean {
  return topic.startsWith(INTERNAL_PREFIX);
}

/** Refuses what would write to, create, change or delete an internal topic. */
export function checkMayChange(topic: string): void {
  if (!isInternal(topic)) return;
  throw new Refusal(
    "topic_authorization_failed",
    `"${topic}" is internal: names that begin with ${INTERNAL_PREFIX} are kept for the node's own topics.`,
    { topic },
  );
}
