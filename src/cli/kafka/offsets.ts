/**
 * Offsets by time, asked of each partition's leader.
 */
import { listOffsets } from "../../kafka/apis/02-list-offsets.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";

export interface Place {
  readonly topic: string;
  readonly partition: number;
}

/** A place and the offset found there; null where no record is that young. */
export interface PlacedOffset extends Place {
  readonly offset: number | null;
}

export const LATEST = -1;
export const EARLIEST = -2;

/** Kafka's names of special times. */
export const specialTimes: ReadonlyMap<string, number> = new Map([
  ["latest", LATEST],
  ["earliest", EARLIEST],
  ["max-timestamp", -3],
  ["earliest-local", -4],
  ["latest-tiered", -5],
  ["earliest-pending-upload", -6],
]);

/** The offset of a time in each place, in their order. Throws KafkaError. */
export async function offsetsAt(
  client: KafkaClient,
  places: readonly Place[],
  timestamp: number,
): Promise<readonly PlacedOffset[]> {
  return Promise.all(places.map((place) => offsetAt(client, place, timestamp)));
}

async function offsetAt(
  client: KafkaClient,
  { topic, partition }: Place,
  timestamp: number,
): Promise<PlacedOffset> {
  const partitions = [{ partitionIndex: partition, timestamp }];
  const request = {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions }],
    timeoutMs: 30_000,
  };
  const answer = await client.ask(
    { to: "leader", topic, partition },
    listOffsets,
    request,
    ({ topics }) => {
      for (const each of topics) for (const { errorCode } of each.partitions) check(errorCode);
    },
  );
  const found = answer.topics[0]?.partitions[0]?.offset ?? -1;
  return { topic, partition, offset: found < 0 ? null : found };
}
