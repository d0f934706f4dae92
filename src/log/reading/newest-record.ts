/**
 * The record of the largest timestamp, as Kafka's ListOffsets gives it for `max_timestamp`.
 *
 * - The row that set the running maximum is found by one search and read alone.
 * - Once that record was removed, the headers of what is left are looked through, and what was found is remembered: the next
 *   question looks only at what was appended since. So each row is read once for it, whatever is asked how often.
 */
import { walkBatches } from "../../records/batch.ts";
import { type FoundRecord, recordIn } from "./offset-lookup.ts";
import type { Partition } from "../partition.ts";

const LOOK_BYTES = 1024 * 1024;

/** How far a log was looked through, and the batch of the largest timestamp there. */
interface Look {
  readonly epoch: number;
  next: number;
  timestampMs: number;
  offset: number;
  work: Promise<void> | null;
}

const looks = new WeakMap<Partition, Look>();

/** The first record of the largest timestamp that can be read, or null where no record has one. Throws StorageFault. */
export async function findMaxTimestamp(partition: Partition): Promise<FoundRecord | null> {
  const timestampMs = Math.max(0, partition.maxTimestamp);
  const row = await partition.node.storage.seek(partition.id, timestampMs);
  const found = row && (await recordIn(partition, row.data, timestampMs));
  if (found) return found;
  if (!row) return null;
  // The second look begins anew: what the first remembered was removed.
  return (await newestLeft(partition)) ?? (await newestLeft(partition));
}

async function newestLeft(partition: Partition): Promise<FoundRecord | null> {
  const { epoch, node, logStart } = partition;
  let look = looks.get(partition);
  if (look?.epoch !== epoch)
    look = { epoch, next: logStart, timestampMs: -1, offset: -1, work: null };
  looks.set(partition, look);
  look.work ??= lookOn(partition, look);
  try {
    await look.work;
  } finally {
    look.work = null;
  }
  if (look.timestampMs < 0) return null;
  const { rows } = await node.storage.read(partition.id, look.offset, 1);
  const found = rows[0] && (await recordIn(partition, rows[0].data, look.timestampMs));
  if (!found) looks.delete(partition);
  return found ?? null;
}

async function lookOn(partition: Partition, look: Look): Promise<void> {
  const { storage, clock } = partition.node;
  while (look.next < partition.highWatermark) {
    const { rows } = await storage.read(partition.id, look.next, LOOK_BYTES);
    const last = rows.at(-1)?.last;
    if (last === undefined) return;
    for (const { data } of rows) {
      for (const { header } of walkBatches(data)) {
        if (header.baseOffset + header.lastOffsetDelta < partition.logStart) continue;
        if (header.baseOffset >= partition.highWatermark) return;
        look.next = header.baseOffset + header.lastOffsetDelta + 1;
        if (header.maxTimestamp <= look.timestampMs) continue;
        look.timestampMs = header.maxTimestamp;
        look.offset = header.baseOffset;
      }
    }
    look.next = Math.max(look.next, Math.min(last + 1, partition.highWatermark));
    await clock.turn();
  }
}
