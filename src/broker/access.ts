/**
 * Who may do what to which topic. Every verb asks here first.
 *
 * - The topics that Kafka keeps for itself are closed to both doors for writing, creating, changing and deleting: the node
 *   alone writes there. Anybody may read what they may describe.
 * - Other names that begin with `__` are anybody's, as in Kafka: tools around it have topics of such names.
 * - Left out: principals and access rules, until security/ is there; until then whoever passed the door may do the rest.
 */
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from "../coordinators/internal-topic.ts";
import { Refusal } from "../lib/refusal.ts";

/** The last three are Kafka's for what is not built here yet, or lives elsewhere. */
const internal: ReadonlySet<string> = new Set([
  OFFSETS_TOPIC,
  TRANSACTIONS_TOPIC,
  "__share_group_state",
  "__cluster_metadata",
  "__remote_log_metadata",
]);

export function isInternal(topic: string): boolean {
  return internal.has(topic);
}

/** Refuses what would write to, create, change or delete an internal topic. */
export function checkMayChange(topic: string): void {
  if (!isInternal(topic)) return;
  throw new Refusal(
    "topic_authorization_failed",
    `"${topic}" is internal: it is kept for the node itself.`,
    { topic },
  );
}
