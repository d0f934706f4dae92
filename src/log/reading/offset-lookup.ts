/**
 * From a time to an offset: the exact record, as Kafka's ListOffsets gives it.
 *
 * - Storage finds the first row whose running maximum of timestamps reaches the time; the record is in it, or, where rows
 *   before it were removed, in a later one.
 * - Those later rows are then read one piece after another, with a turn for others in between.
 */
import { Refusal } from "../../lib/refusal.ts";
import { findTimestamp } from "../../records/batch-seek.ts";
import { readBatchHeader, walkBatches } from "../../records/batch.ts";
import { DECOMPRESSED_BYTES_MAX } from "../opening.ts";
import type { Partition } from "../partition.ts";

export interface FoundRecord {
  readonly offset: number;
  readonly timestampMs: number;
}

/** How much is read at once while looking for a record. */
const LOOK_BYTES = 1024 * 1024;
const limits = { decompressedBytesMax: DECOMPRESSED_BYTES_MAX };

/** The first readable record that is no older than `timestampMs`, or null. Throws StorageFault. */
export async function findByTimestamp(
  partition: Partition,
  timestampMs: number,
): Promise<FoundRecord | null> {
  if (partition.maxTimestamp < timestampMs) return null;
  for await (const data of runsFrom(partition, timestampMs)) {
    const found = await recordIn(partition, data, timestampMs);
    if (found) return found;
  }
  return null;
}

/** The first readable record of this row that is no older. */
export async function recordIn(
  partition: Partition,
  data: Uint8Array,
  timestampMs: number,
): Promise<FoundRecord | null> {
  for (const { at, header } of walkBatches(data)) {
    if (header.baseOffset + header.lastOffsetDelta < partition.logStart) continue;
    if (header.baseOffset >= partition.highWatermark) return null;
    if (header.maxTimestamp < timestampMs) continue;
    const found = await recordAt(partition, data, at, timestampMs);
    if (found) return found;
  }
  return null;
}

/** The first such record of this batch that is not below the log start. Throws Refusal log_damaged. */
async function recordAt(
  partition: Partition,
  data: Uint8Array,
  at: number,
  timestampMs: number,
): Promise<FoundRecord | null> {
  const { node, logStart } = partition;
  try {
    return await node.opening.beside((pause) =>
      findTimestamp(data, at, { timestampMs, from: logStart }, { ...limits, pause }),
    );
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "corrupt_message") throw error;
    const from = readBatchHeader(data, at).baseOffset;
    throw new Refusal(
      "log_damaged",
      `A time was looked for in the batch at offset ${from}, which this node's disk damaged: ${error.message}`,
      { from },
    );
  }
}

/** Stored bytes from the first row on that may hold a record of this time, up to the high watermark. */
async function* runsFrom(partition: Partition, timestampMs: number): AsyncGenerator<Uint8Array> {
  const { storage, clock } = partition.node;
  const first = await storage.seek(partition.id, timestampMs);
  if (!first) return;
  yield first.data;
  let from = first.last + 1;
  while (from < partition.highWatermark) {
    const { rows } = await storage.read(partition.id, from, LOOK_BYTES);
    for (const row of rows) yield row.data;
    const last = rows.at(-1)?.last;
    if (last === undefined) return;
    from = last + 1;
    await clock.turn();
  }
}
