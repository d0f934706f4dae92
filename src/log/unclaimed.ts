/**
 * Logs that the metadata does not know: a start deletes them, so it must be sure that their topics were deleted.
 *
 * - Metadata is synced before storage follows, so the image knows every log that there is, or the metadata log says that its
 *   topic was removed: no snapshot forgets that before storage has dropped the topic's logs.
 * - A log that never held a record is worth nothing, and is let go with the others.
 */
import type { Image } from "../cluster/image.ts";
import { MetadataLost } from "../storage/files/folder-error.ts";
import type { PartitionState } from "../storage/storage.ts";

/** Throws MetadataLost where a log with records is of no topic, and of none that was `removed` (topic ids). */
export function refuseUnclaimed(
  states: readonly PartitionState[],
  image: Image,
  removed: ReadonlySet<string>,
): void {
  const unclaimed = unclaimedOf(states, image, removed);
  if (unclaimed.length === 0) return;
  throw MetadataLost.of(
    `log.db has ${unclaimed.length} of ${states.length} logs with records that it neither knows nor says were deleted`,
  );
}

/** Logs with records that no topic has, nor one that was removed had. */
export function unclaimedOf<Log extends Pick<PartitionState, "topicId" | "index" | "end">>(
  logs: readonly Log[],
  image: Image,
  removed: ReadonlySet<string>,
): Log[] {
  return logs.filter(
    ({ topicId, index, end }) =>
      end > 0 && !removed.has(topicId) && !image.topicById(topicId)?.partitions[index],
  );
}
