/**
 * The topics that coordinators keep their state in: made on first use, compacted, closed to both doors.
 *
 * - The number of partitions is fixed by the first use: keys are placed by it.
 */
import type { Controller } from "../cluster/controller.ts";
import type { TopicImage } from "../cluster/image.ts";
import { topicCommands } from "../cluster/topic-commands.ts";
import { present } from "../lib/assert.ts";
import { randomUuid, type Random } from "../lib/random.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTIONS_TOPIC = "__transaction_state";

export interface InternalTopic {
  readonly name: typeof OFFSETS_TOPIC | typeof TRANSACTIONS_TOPIC;
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
  const plan = { ...wanted, id: randomUuid(random), replicationFactor: 1 };
  await controller.submit((image) => (image.topic(wanted.name) ? [] : topicCommands(image, plan)));
  return present(controller.image.topic(wanted.name), "a topic stands once its commands do");
}
