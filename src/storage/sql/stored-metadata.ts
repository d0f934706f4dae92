/**
 * Metadata as `raft.db` has it. What is not in its order, or differs from its checksum, is damage. Format 1 had no checksums, and its
 * rows get none: they all come before those that have one, so that one behind such has lost it.
 */
import { Contradiction } from "../files/sqlite-error.ts";
import type { MetadataEntry, StoredMetadata } from "../metadata-store.ts";
import { metadataChecksum } from "./metadata-checksum.ts";
import { blob, integer, type prepareAll, text } from "./prepared.ts";
import type { raftStatements } from "./statements-raft.ts";

type RaftSql = ReturnType<typeof prepareAll<typeof raftStatements>>;
type Row = Readonly<Record<"index" | "epoch" | "checksum", unknown>>;

/** What a row has for a checksum where it was stored before there were any. */
const UNCHECKED = -1;

/** @throws Contradiction where something is not what was written */
export function readMetadata(
  sql: RaftSql,
  /** `before-checksums`: no start has brought the file to format 2 yet. */
  as: "newest" | "before-checksums" = "newest",
): StoredMetadata {
  const isNewest = as === "newest";
  const getSnapshot = isNewest ? sql.getSnapshot : sql.getSnapshotOfFormat1;
  const listEntries = isNewest ? sql.listEntries : sql.listEntriesOfFormat1;
  const checks = new Checks();
  const row = getSnapshot.first({});
  const snapshot = row && { image: text(row.image), ...checks.placed("snapshot", row, row.image) };
  const entries: MetadataEntry[] = [];
  // From the first on: one below the snapshot's index was moved there by damage.
  for (let after = -1; ;) {
    const rows = listEntries.all({ after });
    if (rows.length === 0) return { snapshot, entries, uncheckedTo: checks.uncheckedTo };
    for (const each of rows) {
      const command = text(each.command);
      const { index, epoch } = checks.placed("command", each, each.command);
      entries.push({ index, epoch, command });
    }
    after = entries.at(-1)?.index ?? after;
  }
}

/** Of rows in order. */
class Checks {
  uncheckedTo = 0;
  #hasChecked = false;
  #last = 0;

  placed(what: string, row: Row, stored: unknown): { index: number; epoch: number } {
    const [index, epoch] = [integer(row.index), integer(row.epoch)];
    const checksum = integer(row.checksum);
    if (index <= this.#last)
      throw new Contradiction(
        `${what} ${index} comes after ${this.#last}, where it does not belong`,
      );
    this.#last = index;
    if (checksum === UNCHECKED && !this.#hasChecked) {
      this.uncheckedTo = index;
      return { index, epoch };
    }
    if (checksum !== metadataChecksum(index, epoch, blob(stored)))
      throw new Contradiction(`${what} ${index} is not what was written: its checksum differs`);
    this.#hasChecked = true;
    return { index, epoch };
  }
}
