/**
 * Offsets that a log skipped: after a power cut or a restore it goes on past whatever may have been handed out. Who stands in
 * such a hole has read everything before its end.
 */
import { Refusal } from "../lib/refusal.ts";
import type { Partition } from "../log/partition.ts";
import { type ReadRuns, readBatches } from "../log/reading/reader.ts";
import { readBatchHeader } from "../records/batch.ts";
import { StorageFault } from "../storage/storage.ts";

const oneBatch = { bytesMax: 1, firstBytesMax: Infinity };

/**
 * Where a reader at `offset` goes on: there, or at the next offset that holds anything, or at the log's end. Holes lie before
 * the start of an epoch, so that storage is asked only about who has read nothing of the newest one. Where it cannot be
 * learnt, there.
 */
export function pastSkipped(log: Partition | null, offset: number): number | Promise<number> {
  if (!log) return offset;
  const { epoch, logStart, highWatermark } = log.ends();
  if (epoch === 0 || offset < logStart || offset >= highWatermark) return offset;
  if (log.endOfEpoch(epoch - 1).endOffset <= offset) return offset;
  return lookedUp(log, offset);
}

async function lookedUp(log: Partition, offset: number): Promise<number> {
  try {
    return behind(await readBatches(log, offset, oneBatch, "read_uncommitted"), offset);
  } catch (error) {
    if (error instanceof Refusal || error instanceof StorageFault) return offset;
    throw error;
  }
}

function behind({ runs: [run], from }: ReadRuns, offset: number): number {
  return run ? Math.max(offset, readBatchHeader(run).baseOffset) : from;
}
