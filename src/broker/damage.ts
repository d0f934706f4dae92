/**
 * What a reader is told where the disk gives back other bytes than were written: the node's fault, with the place, and where
 * reading may go on.
 *
 * - Whoever opens a batch looks at its CRC first. Readers who take batches as they are stored check it themselves, as every
 *   Kafka client does.
 * - Where the file's own pages are damaged storage tells so, and where rows can be read again.
 * - Nothing is mended here: what is lost may be in a backup.
 */
import { Refusal } from "../lib/refusal.ts";
import { StorageFault } from "../storage/storage.ts";

export interface DamagedPlace {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that cannot be read. */
  readonly from: number;
  /** The offset after the damaged batch; null where not even that can be read. */
  readonly next: number | null;
}

/** The refusal log_damaged for a batch of which `why` tells what is wrong. */
function damaged({ topic, partition, from, next }: DamagedPlace, why: string): Refusal {
  const onward = next === null ? "" : ` Reading may go on from offset ${next}.`;
  return new Refusal(
    "log_damaged",
    `Partition ${partition} of ${topic} is damaged on this node's disk at offset ${from}: ${why}${onward} ` +
      "Stop the node and run kedge doctor --data on its folder to see what else is; a backup may have the records.",
    { topic, partition, from, ...(next === null ? {} : { next }) },
  );
}

/** The same for what reading stored batches threw: a batch that is not one was so sent by nobody. Other errors stay. */
export function damageOf<E>(error: E, place: DamagedPlace): E | Refusal {
  if (error instanceof StorageFault && error.kind === "damaged")
    return damaged({ ...place, next: error.next }, error.message);
  const isDamage = error instanceof Refusal && error.code === "corrupt_message";
  return isDamage ? damaged(place, error.message) : error;
}
