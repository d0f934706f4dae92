/**
 * Members of consumer groups (KIP-848) as the suites of the Kafka door play them, heartbeat by heartbeat.
 */
import { expect } from "bun:test";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { consumerGroupHeartbeat } from "../../src/kafka/apis/68-consumer-group-heartbeat.ts";
import { freshGroup } from "./kafka-members.ts";
import type { Topic } from "./kafka-records.ts";
import type { Here } from "./kafka-suite.ts";

export interface Says {
  readonly memberId?: string;
  readonly memberEpoch?: number;
  readonly instanceId?: string | null;
  readonly rackId?: string | null;
  readonly rebalanceTimeoutMs?: number;
  readonly subscribedTopicNames?: readonly string[] | null;
  readonly subscribedTopicRegex?: string | null;
  readonly serverAssignor?: string | null;
  readonly owned?: readonly (readonly [Topic, readonly number[]])[] | null;
}

/** A heartbeat as the door answers it; waits while the coordinator loads. */
export async function says(
  here: Here,
  groupId: string,
  { owned = null, ...given }: Says,
  version = 1,
) {
  const request = {
    groupId,
    memberId: "m1",
    memberEpoch: 0,
    ...given,
    topicPartitions: owned?.map(([{ id }, partitions]) => ({ topicId: id, partitions })) ?? null,
  };
  for (;;) {
    const answer = await here().send(consumerGroupHeartbeat, version, request);
    if (![14, 15, 16].includes(answer.errorCode)) return answer;
    await Bun.sleep(50);
  }
}

/** True once a coordinator was seen to hear of topics late, as Kafka's do: their shards then need a moment each. */
let isLate = false;

/** A topic that the coordinator knows with all of its partitions. */
export async function topicOf(here: Here, partitions = 1): Promise<Topic> {
  const name = freshGroup();
  const asked = {
    name,
    numPartitions: partitions,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  };
  const request = { topics: [asked], timeoutMs: 10_000, validateOnly: false };
  const { topics } = await here().send(createTopics, 7, request);
  expect(topics[0]?.errorCode).toBe(0);
  const topic = { name, id: topics[0]?.topicId ?? "" };
  await untilAssigned(here, topic, partitions);
  return topic;
}

export async function untilAssigned(here: Here, topic: Topic, partitions: number): Promise<void> {
  for (;;) {
    const group = freshGroup();
    const joined = await joins(here, group, [topic.name]);
    await says(here, group, { memberEpoch: -1 });
    if (given(joined, topic)?.[0]?.length === partitions) break;
    isLate = true;
    await Bun.sleep(50);
  }
  if (isLate) await Bun.sleep(300);
}

export function joins(
  here: Here,
  groupId: string,
  topics: readonly string[] | null,
  given: Says = {},
) {
  const full = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: topics, owned: [] };
  return says(here, groupId, { ...full, ...given });
}

/** What was assigned, as partitions of the topics in their order; null where nothing was said. */
export function given(
  answer: Awaited<ReturnType<typeof says>>,
  ...topics: readonly Topic[]
): number[][] | null {
  if (!answer.assignment) return null;
  const { topicPartitions } = answer.assignment;
  return topics.map(({ id }) =>
    [...(topicPartitions.find(({ topicId }) => topicId === id)?.partitions ?? [])].toSorted(
      (left, right) => left - right,
    ),
  );
}
