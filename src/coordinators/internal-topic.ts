/**
 * The topics that coordinators keep their state in: made on first use, compacted, closed to both doors.
 *
 * - The number of partitions is fixed by the first use: keys are placed by it.
 */
import type { Command } from "../cluster/commands.ts";
import type { Controller } from "../cluster/controller.ts";
import type { Image, TopicImage } from "../cluster/image.ts";
import { present } from "../lib/assert.ts";
import { randomUuid, type Random } from "../lib/random.ts";

export interface InternalTopic {
  readonly name: "__consumer_offsets" | "__transaction_state";
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

/**
 * Compaction bounds how long a load takes: to the newest state of each key, as much again that is not compacted yet, and the
 * newest `segment.bytes`, which Kafka sets to 100 MiB here.
 */
export const compactedState = {
  "cleanup.policy": "compact",
  "segment.bytes": String(4 * 1024 * 1024),
} as const;

/** Makes the topic unless it is there. @throws StorageFault. */
export async function ensureTopic(
  controller: Controller,
  random: Random,
  wanted: InternalTopic,
): Promise<TopicImage> {
  const found = controller.image.topic(wanted.name);
  if (found) return found;
  const id = randomUuid(random);
  await controller.submit((image) => (image.topic(wanted.name) ? [] : commands(image, wanted, id)));
  return present(controller.image.topic(wanted.name), "a topic stands once its commands do");
}

function commands(
  image: Image,
  { name, partitions, configs }: InternalTopic,
  id: string,
): Command[] {
  const nodes = [...image.brokers.keys()].sort((one, other) => one - other);
  const replicasOf = (index: number) => [present(nodes[index % nodes.length], "there is a node")];
  return [
    { type: "topic", version: 0, name, id },
    ...Array.from({ length: partitions }, (_, index): Command => {
      const replicas = replicasOf(index);
      return {
        type: "partition",
        version: 0,
        topicId: id,
        index,
        replicas,
        inSyncReplicas: replicas,
        leader: present(replicas[0], "a partition has a replica"),
        leaderEpoch: 0,
        partitionEpoch: 0,
      };
    }),
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
