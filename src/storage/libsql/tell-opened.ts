/**
 * What a person is told of how `log.db` was found as it was opened, and as logs were deleted from it.
 */
import type { Logger } from "../../lib/logger.ts";
import type { Opened } from "../messages/messages.ts";
import type { PartitionId } from "../storage.ts";

export function tellOpened(
  { lost, cut, unnamed, isFull, indexInMemory }: Opened,
  directory: string,
  logger: Logger,
): void {
  const damaged = "log.db-wal is damaged: what was committed behind the place is lost";
  if (lost) logger.error(damaged, { ...lost });
  if (cut.length > 0) logger.error("damaged logs were cut off: records are lost", { cut });
  if (unnamed.length > 0)
    logger.error(
      "log.db is damaged: what topics these logs are of is known from an index alone; restore a backup",
      { logs: unnamed },
    );
  if (!isFull && !indexInMemory) return;
  const facts = { directory, filesLocked: indexInMemory };
  logger.warn("the disk is full: reads are served, writes wait for room", facts);
}

export function tellLeft(logs: readonly PartitionId[], logger: Logger): void {
  logger.error(
    'log.db is damaged: these logs of a deleted topic stay in it and keep their space; stop the node and look with "kedge doctor --data"',
    { logs },
  );
}
