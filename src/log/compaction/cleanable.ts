/**
 * What of a log may be compacted now, and whether that is worth while (Kafka's LogCleanerManager).
 *
 * - Clean is what an earlier compaction went through; dirty is what lies between there and the cleanable end.
 * - Kafka never touches the segment that is being appended to. There are no segments here, so the newest rows play its part:
 *   those within the newest `segment.bytes` of the log that are also younger than `segment.ms` (or `max.compaction.lag.ms`
 *   where that is less), and always the newest row. Kafka rolls a segment with an append; here time alone is enough.
 * - Never past the last stable offset, and nothing younger than `min.compaction.lag.ms`. Ages go by the running maximum of
 *   timestamps, so that a record counts as no older than those before it.
 */
import { readBatchHeader } from "../../records/batch.ts";
import type { Partition } from "../partition.ts";

export interface Cleanable {
  /** The first offset that no compaction has gone through. */
  readonly dirtyFrom: number;
  /** Rows wholly below it may be rewritten. */
  readonly end: number;
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
}

/** Null when there is nothing to compact. Throws StorageFault. */
export async function cleanable(partition: Partition, nowMs: number): Promise<Cleanable | null> {
  const { logStart, cleanedTo } = partition;
  const dirtyFrom = Math.max(logStart, cleanedTo);
  const { lastStable } = partition.ends();
  if (dirtyFrom >= lastStable) return null;
  const end = Math.min(
    lastStable,
    await activeFrom(partition, nowMs),
    await laggingFrom(partition, nowMs),
    await newestRow(partition),
  );
  if (end <= dirtyFrom) return null;
  const [dirtyPosition, endPosition] = await Promise.all([
    positionOf(partition, dirtyFrom),
    positionOf(partition, end),
  ]);
  const dirtyBytes = endPosition - dirtyPosition;
  if (dirtyBytes <= 0) return null;
  return { dirtyFrom, end, cleanBytes: dirtyPosition - partition.startPosition, dirtyBytes };
}

/** Whether the log should be compacted now. Throws StorageFault. */
export async function isDue(
  partition: Partition,
  { dirtyFrom, cleanBytes, dirtyBytes }: Cleanable,
  nowMs: number,
): Promise<boolean> {
  const { cleanableDirtyRatioMin, compactionLagMaxMs, compactionLagMinMs } = partition.config;
  if (dirtyBytes / (cleanBytes + dirtyBytes) > cleanableDirtyRatioMin) return true;
  if (compactionLagMaxMs === Infinity) return false;
  const { rows } = await partition.node.storage.read(partition.id, dirtyFrom, 1);
  const [first] = rows;
  if (!first) return false;
  const oldestMs = readBatchHeader(first.data).maxTimestamp;
  return oldestMs < nowMs - Math.max(compactionLagMaxMs, compactionLagMinMs);
}

/** Where the part begins that counts as being appended to. */
async function activeFrom(partition: Partition, nowMs: number): Promise<number> {
  const { segmentBytes, segmentMs, compactionLagMaxMs } = partition.config;
  const young = await firstYounger(partition, nowMs - Math.min(segmentMs, compactionLagMaxMs));
  if (young === Infinity) return young;
  const position = partition.endPosition - segmentBytes;
  if (position <= partition.startPosition) return young;
  const head = await partition.node.storage.locate(partition.id, { position });
  return Math.max(young, head?.base ?? Infinity);
}

/** Where the newest row begins; Infinity where the log's end has jumped past it (a pass sees then that nothing follows). */
async function newestRow(partition: Partition): Promise<number> {
  const place = { offset: partition.writtenEnd - 1 };
  return (await partition.node.storage.locate(partition.id, place))?.base ?? Infinity;
}

async function laggingFrom(partition: Partition, nowMs: number): Promise<number> {
  const { compactionLagMinMs } = partition.config;
  return compactionLagMinMs > 0 ? firstYounger(partition, nowMs - compactionLagMinMs) : Infinity;
}

/** The first offset of a row that holds, or follows, a record younger than this. */
async function firstYounger(partition: Partition, timestampMs: number): Promise<number> {
  if (partition.maxTimestamp <= timestampMs) return Infinity;
  const place = { timestampMs: Math.floor(timestampMs) + 1 };
  return (await partition.node.storage.locate(partition.id, place))?.base ?? Infinity;
}

async function positionOf(partition: Partition, offset: number): Promise<number> {
  const head = await partition.node.storage.locate(partition.id, { offset });
  return head?.position ?? partition.endPosition;
}
