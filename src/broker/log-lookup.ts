/**
 * From a topic's name and a partition's index to its log.
 */
import type { Image } from "../cluster/image.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Logs } from "../log/logs.ts";
import type { Partition } from "../log/partition.ts";
import { known } from "./topics/rules.ts";

export interface FoundLog {
  readonly topicId: string;
  readonly log: Partition;
}

/** Throws Refusal unknown_topic_or_partition, or not_leader_or_follower where the log is not made yet. */
export type LogLookup = (topic: string, index: number) => FoundLog;

export function logLookup(image: Image, logs: Logs<Partition>): LogLookup {
  return (name, index) => {
    const topic = known(image, name);
    const log = logs.log(topic.id, index);
    if (log) return { topicId: topic.id, log };
    if (!topic.partitions[index]) {
      throw new Refusal(
        "unknown_topic_or_partition",
        `The topic "${name}" has ${topic.partitions.length} partitions, counted from 0; there is no ${index}.`,
        { topic: name, partitions: topic.partitions.length },
      );
    }
    throw new Refusal(
      "not_leader_or_follower",
      `The log of partition ${index} of "${name}" is not made yet; ask again.`,
    );
  };
}
