/**
 * Which names a topic may have (Kafka's `Topic.validate`). Left out: that two names may not differ in "." against "_" alone,
 * which only a cluster's metadata can tell.
 */

/** Kafka's bound (`Topic.MAX_NAME_LENGTH`). */
const NAME_LENGTH_MAX = 249;

export const TOPIC_NAME_RULE = `A topic's name is 1 to ${NAME_LENGTH_MAX} letters, digits, ".", "_" and "-", and neither "." nor "..".`;

export function isTopicName(name: string): boolean {
  if (name.length > NAME_LENGTH_MAX || !/^[a-zA-Z0-9._-]+$/.test(name)) return false;
  return name !== "." && name !== "..";
}
