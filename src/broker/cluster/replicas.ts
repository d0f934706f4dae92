/**
 * Replicas as one node has them: each partition is kept here, led from here, and has nowhere to go.
 *
 * - Requests are checked as Kafka checks them, so that what could not be is refused and what is already so is granted.
 * - Left out: moving partitions, and leaders other than the preferred one, until there are more nodes.
 */
import type { Image, PartitionImage } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Logs } from "../../log/logs.ts";
import type { Partition } from "../../log/partition.ts";
import type { LogDirectory, ReplicaVerbs } from "./replica-verbs.ts";
import { checkReplicas, known } from "../topics/rules.ts";

/** A node that keeps nothing. */
export const noDirectory: LogDirectory = { path: ":memory:", space: async () => null };

export function replicaVerbs(
  image: Image,
  logs: Logs<Partition>,
  directory: LogDirectory,
): ReplicaVerbs {
  return {
    logDirectory: async () => ({ path: directory.path, space: await directory.space() }),
    bytes(_context, topic, partition) {
      const id = image.topic(topic)?.id;
      return id === undefined ? null : (logs.log(id, partition)?.bytes() ?? null);
    },
    moveTo(_context, path, topic, partition) {
      if (path !== directory.path) {
        throw new Refusal("log_dir_not_found", `This node keeps its logs in ${directory.path}.`);
      }
      partitionOf(image, topic, partition);
    },
    electLeader(_context, topic, partition) {
      const { leader, replicas } = partitionOf(image, topic, partition);
      if (leader === replicas[0]) {
        throw new Refusal("election_not_needed", "The partition is led by its preferred replica.");
      }
      throw new Refusal("eligible_leaders_not_available", "The preferred replica is not there.");
    },
    reassign(_context, topic, index, replicas) {
      const partition = partitionOf(image, topic, index);
      if (replicas === null) {
        throw new Refusal("no_reassignment_in_progress", "The partition is not being moved.");
      }
      checkReplicas(image, replicas);
      if (replicas.join() === partition.replicas.join()) return;
      throw new Refusal("invalid_replica_assignment", "Partitions do not move between nodes yet.");
    },
  };
}

function partitionOf(image: Image, name: string, index: number): PartitionImage {
  const partition = known(image, name).partitions[index];
  if (partition) return partition;
  throw new Refusal("unknown_topic_or_partition", `There is no partition ${index} of "${name}".`);
}
