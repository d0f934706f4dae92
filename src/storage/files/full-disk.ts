/**
 * What is said where the disk has no room for more: which folder, how much is kept in reserve, and what to do.
 */
import { StorageFault } from "../storage.ts";

const MIB = 1024 * 1024;

export interface Shortage {
  readonly directory: string;
  readonly freeBytes: number;
  /** Kept free, so that something can still be deleted. */
  readonly reserveBytes: number;
  /** What the write-ahead log holds that the file has still to take. */
  readonly walBytes: number;
}

/** Why writes are refused, in a sentence. */
export function whyFull({ directory, freeBytes, reserveBytes, walBytes }: Shortage): string {
  const [free, reserve, waiting] = [freeBytes, reserveBytes, walBytes].map(
    (bytes) => `${(bytes / MIB).toFixed(1)} MiB`,
  );
  return (
    `The disk of ${directory} is almost full: ${free} are free, ${waiting} wait in the write-ahead log to be copied, and ${reserve} are kept ` +
    "in reserve. Writes are refused until there is room: free or add space, or delete topics or records."
  );
}

export function fullDisk(shortage: Shortage): StorageFault {
  return new StorageFault("full", whyFull(shortage));
}
