/**
 * A consumer group as ConsumerGroupDescribe tells it. Topics that are gone are left out.
 */
import type { Image } from "../../cluster/image.ts";
import { type ConsumerGroup, type ConsumerMember, stateOf, targetOf } from "./state.ts";
import { preferredAssignor } from "./target.ts";

export interface DescribedConsumerGroup {
  readonly groupId: string;
  readonly state: string;
  readonly epoch: number;
  readonly assignmentEpoch: number;
  readonly assignor: string;
  readonly members: readonly DescribedConsumer[];
}

export interface DescribedConsumer {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly topicNames: readonly string[];
  readonly topicRegex: string | null;
  readonly assigned: readonly DescribedPartitions[];
  readonly target: readonly DescribedPartitions[];
  /** Whether it speaks the classic protocol. */
  readonly isClassic: boolean;
}

export interface DescribedPartitions {
  readonly topicId: string;
  readonly topic: string;
  readonly partitions: readonly number[];
}

type Topics = Pick<Image, "topicById">;

export function describeConsumerGroup(
  group: ConsumerGroup,
  topics: Topics,
): DescribedConsumerGroup {
  return {
    groupId: group.id,
    state: stateOf(group),
    epoch: group.epoch,
    assignmentEpoch: group.targetEpoch,
    assignor: preferredAssignor(group),
    members: [...group.members.values()].map((member) => describeMember(group, member, topics)),
  };
}

function describeMember(
  group: ConsumerGroup,
  member: ConsumerMember,
  topics: Topics,
): DescribedConsumer {
  const { instanceId, rackId, clientId, clientHost, topicNames, topicRegex } = member;
  const held = [...member.assigned].map(([id, list]) => [id, [...list.keys()]] as const);
  return {
    memberId: member.id,
    instanceId,
    rackId,
    memberEpoch: member.epoch,
    clientId,
    clientHost,
    topicNames,
    topicRegex,
    assigned: describePartitions(held, topics),
    target: describePartitions(targetOf(group, member.id), topics),
    isClassic: member.classic !== null,
  };
}

/** Partitions by topic, ascending, with the topics' names. */
function describePartitions(
  held: Iterable<readonly [string, readonly number[]]>,
  topics: Topics,
): DescribedPartitions[] {
  return [...held].flatMap(([topicId, partitions]) => {
    const topic = topics.topicById(topicId)?.name;
    if (topic === undefined) return [];
    return [{ topicId, topic, partitions: partitions.toSorted((left, right) => left - right) }];
  });
}
