/**
 * Where one partition's log stands, as its leader knows it: changed by `partition.ts` and `log-changes.ts` alone,
 * once a commit has settled.
 */
import type { Bounds } from "../storage/storage.ts";

export interface LogPositions {
  epoch: number;
  logStart: number;
  /** The next offset to be written. */
  writtenEnd: number;
  /** Everything below it is as durable as the topic asks: on the disk, or merely written for a relaxed topic. */
  syncedEnd: number;
  /** The log position in bytes of `writtenEnd`, and of the row that holds `logStart`. */
  endPosition: number;
  startPosition: number;
  maxTimestamp: number;
  /** Compaction has gone through everything below it. */
  cleanedTo: number;
}

export function positionsOf(bounds: Bounds, epoch: number): LogPositions {
  return {
    epoch,
    logStart: bounds.logStart,
    writtenEnd: bounds.end,
    syncedEnd: bounds.end,
    endPosition: bounds.endPosition,
    startPosition: bounds.startPosition,
    maxTimestamp: bounds.maxTimestamp,
    cleanedTo: bounds.cleanedTo,
  };
}
