/**
 * The commands that make a topic, and partitions of it.
 */
import { assert, present } from "../lib/assert.ts";
import type { Command, Partition } from "./commands.ts";
import type { Image } from "./image.ts";

export interface TopicPlan {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** A topic that there is not yet, with its partitions and configs. */
export function topicCommands(image: Image, plan: TopicPlan): Command[] {
  const { name, id, partitions, replicationFactor, configs } = plan;
  return [
    { type: "topic", version: 0, name, id },
    ...partitionCommands(image, id, { from: 0, to: partitions, replicationFactor }),
    ...Object.entries(configs).map(([key, value]): Command => ({
      type: "config",
      version: 0,
      resource: "topic",
      name,
      key,
      value,
    })),
  ];
}

/** Partitions `from` up to `to`, in stripes over the nodes, so that leaders are spread. */
export function partitionCommands(
  image: Image,
  topicId: string,
  { from, to, replicationFactor }: { from: number; to: number; replicationFactor: number },
): Partition[] {
  const nodes = [...image.brokers.keys()].sort((one, other) => one - other);
  assert(replicationFactor <= nodes.length, "a partition's replicas are on different nodes");
  return Array.from({ length: to - from }, (_, at) => {
    const first = image.partitionCount + at;
    const replicas = Array.from({ length: replicationFactor }, (_, next) =>
      present(nodes[(first + next) % nodes.length], "a remainder is an index"),
    );
    return {
      type: "partition",
      version: 0,
      topicId,
      index: from + at,
      replicas,
      inSyncReplicas: replicas,
      leader: present(replicas[0], "a partition has a replica"),
      leaderEpoch: 0,
      partitionEpoch: 0,
    };
  });
}
