/**
 * After a power cut: every log begins anew past whatever may have been handed out, then storage may forget the cut. Doors
 * open afterwards.
 */
import type { Logger } from "../lib/logger.ts";
import { type Storage, StorageFault } from "../storage/storage.ts";
import type { Partition } from "./partition.ts";

/**
 * Resolves once every log may be written, and `skipGivenIds` has passed what else this may be a copy of has given. A log that could not begin (a full disk) tries again before its first append, and
 * storage goes on telling of the cut.
 */
export async function resumeLogs(
  storage: Storage,
  partitions: Iterable<Partition>,
  logger: Logger,
  skipGivenIds: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  if (!storage.powerLost) return;
  try {
    await Promise.all([...partitions].map(({ begun }) => begun));
    await skipGivenIds();
    await storage.resumed();
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    logger.warn("some logs could not begin anew after a power cut; they try again later", {
      error,
    });
  }
}
