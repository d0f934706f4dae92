/**
 * Metadata as `raft.db` has it.
 */
import type { MetadataEntry, MetadataSnapshot } from "../metadata-store.ts";
import { integer, type prepareAll, text } from "./prepared.ts";
import type { raftStatements } from "./statements.ts";

type RaftSql = ReturnType<typeof prepareAll<typeof raftStatements>>;

/** The newest snapshot, if any, and the commands after it. */
export function readMetadata(sql: RaftSql): {
  snapshot: MetadataSnapshot | null;
  entries: MetadataEntry[];
} {
  const row = sql.getSnapshot.first({});
  const snapshot = row && {
    index: integer(row.index),
    epoch: integer(row.epoch),
    image: text(row.image),
  };
  const entries: MetadataEntry[] = [];
  for (let after = snapshot?.index ?? 0; ;) {
    const rows = sql.listEntries.all({ after });
    if (rows.length === 0) return { snapshot, entries };
    for (const { index, epoch, command } of rows)
      entries.push({ index: integer(index), epoch: integer(epoch), command: text(command) });
    after = entries.at(-1)?.index ?? after;
  }
}
