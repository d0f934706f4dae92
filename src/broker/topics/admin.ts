/**
 * Partitions added to a topic, by Kafka's rules.
 *
 * - Replicas that are given by hand are checked and, with one node, can only be those that would have been chosen.
 */
import type { Command } from "../../cluster/commands.ts";
import type { Image } from "../../cluster/image.ts";
import { partitionCommands } from "../../cluster/topic-commands.ts";
import { Refusal } from "../../lib/refusal.ts";
import { checkMayChange } from "../access.ts";
import type { AdminVerbs } from "./admin-verbs.ts";
import { checkPartitions, checkReplicas, checkRoom, known } from "./rules.ts";
import type { TopicsOptions } from "./topics.ts";

export function adminVerbs({ controller, logs }: TopicsOptions): AdminVerbs {
  const { image } = controller;
  return {
    async addPartitions(_context, name, count, { assignments, validateOnly }) {
      checkMayChange(name);
      const decide = (image: Image) => growCommands(image, name, count, assignments);
      if (validateOnly) decide(image);
      else await controller.submit(decide);
      await logs.settled();
    },
    checkReplicas: (_context, replicas) => checkReplicas(image, replicas),
  };
}

function growCommands(
  image: Image,
  name: string,
  count: number,
  assignments: readonly (readonly number[])[] | null,
): Command[] {
  const topic = known(image, name);
  const current = topic.partitions.length;
  if (count <= current) {
    throw new Refusal(
      "invalid_partitions",
      `"${name}" has ${current} partitions; ${count} would not be more.`,
      { partitions: current },
    );
  }
  checkPartitions(count);
  checkRoom(image, count - current);
  if (assignments && assignments.length !== count - current) {
    throw new Refusal(
      "invalid_replica_assignment",
      `${count - current} partitions would be added, but replicas are given for ${assignments.length}.`,
    );
  }
  for (const replicas of assignments ?? []) checkReplicas(image, replicas);
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  return partitionCommands(image, topic.id, { from: current, to: count, replicationFactor });
}
