/**
 * What a group knows of a member that polls: its heartbeats, what it commits, and what it was assigned.
 */
import type { Image } from "../../cluster/image.ts";
import type { DescribedConsumer } from "../../coordinators/consumer/describe.ts";
import type { Clock } from "../../lib/clock.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { GroupVerbs } from "../groups/verbs.ts";
import { notCommitted } from "../groups/not-committed.ts";
import { PollingMember } from "./member.ts";
import type { PollCommit, PollRequest } from "./verbs.ts";
import type { Broker, Context } from "../verbs.ts";

/** Heartbeats in a row, as long as each takes something away. */
const BEATS_MAX = 4;

export interface PollingOptions {
  readonly groups: GroupVerbs;
  readonly image: Image;
  readonly clock: Clock;
  readonly read: Broker["read"];
  readonly findOffset: Broker["findOffset"];
}

/** Whose poll it is. */
export interface Whose {
  readonly context: Context;
  readonly group: string;
  readonly member: PollingMember;
}

/** What a poll goes through. */
export interface Poll extends Whose {
  readonly request: PollRequest;
}

/** A heartbeat that says nothing new. */
export const nothingChanged = {
  makesId: true,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  topicNames: null,
  topicRegex: null,
  assignor: null,
} as const;

/** Heartbeats until nothing more is taken away; says how soon the next is due. */
export async function beat(
  { groups, image }: PollingOptions,
  { context, group, member }: Whose,
  epoch: number,
): Promise<number> {
  member.epoch = epoch;
  if (member.isUnsure) assignKnown(member, known(groups, context, group, member.memberId), image);
  member.isUnsure = false;
  for (let beats = 1; ; beats += 1) {
    const answer = await groups.consumerHeartbeat(context, group, {
      ...nothingChanged,
      memberId: member.memberId,
      memberEpoch: member.epoch,
      owned: member.owned(),
      sessionTimeoutMs: member.sessionMs,
    });
    member.epoch = answer.memberEpoch;
    const lost = answer.assignment ? member.assign(answer.assignment, namesIn(image)) : false;
    if (!lost || beats === BEATS_MAX) return answer.heartbeatIntervalMs;
  }
}

/** Commits for the member in the epoch that it says. @throws Refusal that names the first place that was refused. */
export async function commit(
  { groups, image }: PollingOptions,
  { context, group, member }: Whose,
  epoch: number,
  places: readonly PollCommit[],
): Promise<void> {
  const outcomes = await groups.commitOffsets(context, {
    group,
    member: { memberId: member.memberId, instanceId: null, generation: epoch },
    offsets: places.map((each) => ({ ...each, topicId: null, leaderEpoch: -1, metadata: "" })),
    knowsMemberEpochs: true,
    retentionMs: null,
  });
  for (const [at, refusal] of outcomes.entries()) {
    const { topic = "", partition = 0 } = places[at] ?? {};
    if (!refusal) continue;
    const partitions = image.topic(topic)?.partitions.length ?? null;
    throw notCommitted(refusal, topic, partition, partitions);
  }
}

export function isMember(
  { groups }: PollingOptions,
  context: Context,
  group: string,
  memberId: string,
): boolean {
  try {
    const { members } = groups.describeConsumer(context, group);
    return members.some((each) => each.memberId === memberId);
  } catch (error) {
    if (error instanceof Refusal && error.code === "group_id_not_found") return false;
    throw error;
  }
}

/** A member that this node has not heard of: from what its group knows. @throws Refusal unknown_member_id. */
export function remember(
  { groups, image }: PollingOptions,
  context: Context,
  group: string,
  memberId: string,
): PollingMember {
  const described = known(groups, context, group, memberId);
  const { topicNames } = described;
  const terms = { reset: "earliest", sessionMs: null, topicNames } as const;
  const member = new PollingMember(memberId, described.memberEpoch, terms);
  assignKnown(member, described, image);
  return member;
}

/** Topics that the member named and that are not there: it may wait for them to be made, as in Kafka, or have misspelt them. */
export function unknownTopics(
  { topicNames }: Pick<PollingMember, "topicNames">,
  image: Image,
): readonly string[] {
  return topicNames.filter((name) => image.topic(name) === null);
}

/** The names of topics by their ids. */
export function namesIn(image: Image): (topicId: string) => string | null {
  return (topicId) => image.topicById(topicId)?.name ?? null;
}

/** The member as its group knows it. @throws Refusal unknown_member_id. */
function known(
  groups: GroupVerbs,
  context: Context,
  group: string,
  memberId: string,
): DescribedConsumer {
  const { members } = groups.describeConsumer(context, group);
  const described = members.find((each) => each.memberId === memberId);
  if (described) return described;
  throw new Refusal(
    "unknown_member_id",
    `Member ${memberId} is not a member of group ${group}; join it first.`,
  );
}

function assignKnown(member: PollingMember, { assigned }: DescribedConsumer, image: Image): void {
  const held = assigned.map(
    ({ topicId, partitions }) => [topicId, new Map(partitions.map((at) => [at, 0]))] as const,
  );
  member.assign(new Map(held), namesIn(image));
}
