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
}

/** Why writes are refused, in a sentence. */
export function whyFull({ directory, freeBytes, reserveBytes }: Shortage): string {
  const [free, reserve] = [freeBytes, reserveBytes].map(
    (bytes) => `${(bytes / MIB).toFixed(1)} MiB`,
  );
  return (
    `The disk of ${directory} is almost full: ${free} are free, and ${reserve} are kept in reserve. Writes are refused until ` +
    "there is room: free or add space, or delete topics or records."
  );
}

export function fullDisk(shortage: Shortage): StorageFault {
  return new StorageFault("full", whyFull(shortage));
}
