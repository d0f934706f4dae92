/**
 * What a consumer group's members should have: which topics they are subscribed to, a hash that tells when these changed,
 * and the target that an assignor computes.
 *
 * - A member's subscription is its topic names and what its pattern has matched. Topics that are not there do not count until
 *   they are.
 * - The assignor is the one that most members ask for, `uniform` if nobody asks.
 */
import type { Image, TopicImage } from "../../cluster/image.ts";
import { present } from "../../lib/assert.ts";
import type { Assignment, Assignor } from "./assignors/assignor.ts";
import { byText } from "./assignors/assignor.ts";
import { range } from "./assignors/range.ts";
import { uniform } from "./assignors/uniform.ts";
import { type ConsumerGroup, type ConsumerMember, type MemberFacts, targetOf } from "./state.ts";

type Topics = Pick<Image, "topic">;

const assignors: ReadonlyMap<string, Assignor> = new Map([
  ["uniform", uniform],
  ["range", range],
]);

const defaultAssignor = "uniform";

/** Names of the assignors there are, the default first. */
export const assignorNames: readonly string[] = [...assignors.keys()];

/** The topics that exist of those the member is subscribed to. */
export function subscribedTopics(
  group: ConsumerGroup,
  member: MemberFacts,
  topics: Topics,
): TopicImage[] {
  return namesOf(group, member).flatMap((name) => topics.topic(name) ?? []);
}

function namesOf(group: ConsumerGroup, { topicNames, topicRegex }: MemberFacts): readonly string[] {
  const matched = topicRegex ? group.regexes.get(topicRegex)?.topicNames : undefined;
  if (!matched || matched.length === 0) return topicNames;
  if (topicNames.length === 0) return matched;
  return [...new Set([...topicNames, ...matched])].toSorted(byText);
}

/** Every topic name that some member is subscribed to, whether it exists or not. */
export function subscribedNames(group: ConsumerGroup): Set<string> {
  const names = new Set<string>();
  const seen = new Set<readonly string[]>();
  for (const member of group.members.values()) {
    const matched = member.topicRegex ? group.regexes.get(member.topicRegex)?.topicNames : null;
    for (const list of [member.topicNames, matched ?? []]) {
      if (seen.has(list)) continue;
      seen.add(list);
      for (const name of list) names.add(name);
    }
  }
  return names;
}

/**
 * A number that changes when the group's topics do: which exist, under which ids, with how many partitions. Below 2^53; two
 * FNV-1a sums side by side. 0 when there are none, as in Kafka, whose hash is another.
 */
export function metadataHash(group: ConsumerGroup, topics: Topics): number {
  let low = 0x811c9dc5;
  let high = 0x2d51f0a3;
  let none = true;
  for (const name of [...subscribedNames(group)].toSorted(byText)) {
    const topic = topics.topic(name);
    if (!topic) continue;
    none = false;
    for (const char of `${name}\0${topic.id}\0${topic.partitions.length}\0`) {
      const unit = char.codePointAt(0) ?? 0;
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit ^ (low >>> 24), 0x01000193);
    }
  }
  return none ? 0 : ((high >>> 0) & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

/** The assignor that most members ask for; of equals the first by name. */
export function preferredAssignor(group: ConsumerGroup): string {
  const votes = new Map<string, number>();
  for (const { assignor } of group.members.values()) {
    if (assignor !== null) votes.set(assignor, (votes.get(assignor) ?? 0) + 1);
  }
  const [first] = [...votes].toSorted(
    ([left, more], [right, less]) => less - more || byText(left, right),
  );
  return first?.[0] ?? defaultAssignor;
}

/** Every member's target, computed anew from what they have now. */
export function computeTarget(
  group: ConsumerGroup,
  topics: Topics,
): ReadonlyMap<string, Assignment> {
  const partitions = new Map<string, number>();
  const known = new Map<readonly string[], readonly string[]>();
  const idsOf = (member: ConsumerMember): readonly string[] => {
    const names = namesOf(group, member);
    const ids = known.get(names);
    if (ids) return ids;
    const found = names.flatMap((name) => topics.topic(name) ?? []);
    for (const topic of found) partitions.set(topic.id, topic.partitions.length);
    const made = found.map(({ id }) => id);
    known.set(names, made);
    return made;
  };
  const members = [...group.members.values()].map((member) => ({
    memberId: member.id,
    instanceId: member.instanceId,
    topicIds: idsOf(member),
    target: targetOf(group, member.id),
  }));
  const assign = present(
    assignors.get(preferredAssignor(group)) ?? assignors.get(defaultAssignor),
    "the default assignor is there",
  );
  return assign({ members, partitions });
}
