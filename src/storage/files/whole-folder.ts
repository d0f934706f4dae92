/**
 * A folder's two files belong together: a start that finds only one of them would make the other anew, and with it either
 * delete every log (no topic claims them) or hand out every offset again. So it is refused, and nothing is touched.
 *
 * - The first start makes `log.db` first: cut off there, it left a `log.db` without any partition, which is fine.
 * - Left out: what is in them. Metadata without a cluster is refused as it is opened, metadata that lacks logs once it is read.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { FolderIncomplete } from "./folder-error.ts";

/** Before anything is opened: refuses metadata without logs. */
export function checkLogsAreThere(directory: string): void {
  if (!isThere(directory, "raft.db") || isThere(directory, "log.db")) return;
  throw FolderIncomplete.of(directory, "log.db", "raft.db");
}

/** Before the metadata is opened: refuses logs without metadata. */
export function checkMetadataIsThere(directory: string, hasLogs: boolean): void {
  if (isThere(directory, "raft.db") || !hasLogs) return;
  throw FolderIncomplete.of(directory, "raft.db", "log.db");
}

/** An empty file is what SQLite makes a new database of. */
function isThere(directory: string, name: string): boolean {
  return (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0) > 0;
}
