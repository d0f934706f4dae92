/**
 * The metadata store in `raft.db`, beside the logs: small pages, every commit synced.
 *
 * - It runs in the calling thread: commands are few, and one costs a sync (see `test/bench/storage.ts`).
 * - The folder's lock is the log storage's: open that first.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type Database from "libsql";
import { assert } from "../lib/assert.ts";
import type {
  MetadataEntry,
  MetadataSnapshot,
  MetadataStore,
  NodeIdentity,
} from "./metadata-store.ts";
import { openDatabase } from "./open.ts";
import { integer, prepareAll, text } from "./prepared.ts";
import { asFault } from "./sqlite-error.ts";
import { raftStatements } from "./statements.ts";
import { StorageFault } from "./storage.ts";

const CACHE_BYTES = 2 * 1024 * 1024;
const BUSY_MS = 1_000;
/** Growth of the write-ahead log, in commands, at which it is copied back into the file. */
const CHECKPOINT_COMMITS = 1_000;

/** Opens `raft.db` in the folder, made if it is not there. Throws NewerFormat when a newer kedge wrote it. */
export async function openLibsqlMetadataStore(directory: string): Promise<MetadataStore> {
  await mkdir(directory, { recursive: true });
  const database = openDatabase({
    path: `${directory}/raft.db`,
    kind: "raft",
    pageBytes: 4096,
    cacheBytes: CACHE_BYTES,
    busyMs: BUSY_MS,
  });
  return new LibsqlMetadataStore(database);
}

class LibsqlMetadataStore implements MetadataStore {
  readonly #database: Database.Database;
  readonly #sql;
  #last: number;
  #commits = 0;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#sql = prepareAll(database, raftStatements);
    const newest = this.#sql.lastEntry.first({}) ?? this.#sql.getSnapshot.first({});
    this.#last = newest ? integer(newest.index) : 0;
  }

  async identity(): Promise<NodeIdentity | null> {
    const row = this.#sql.getIdentity.first({});
    if (!row) return null;
    const { clusterId, nodeId, directoryId } = row;
    return {
      clusterId: text(clusterId),
      nodeId: integer(nodeId),
      directoryId: text(directoryId),
    };
  }

  async saveIdentity({ clusterId, nodeId, directoryId }: NodeIdentity): Promise<void> {
    assert((await this.identity()) === null, "a folder is given its identity once");
    this.#transaction(() => this.#sql.insertIdentity.run({ clusterId, nodeId, directoryId }));
  }

  async load(): Promise<{ snapshot: MetadataSnapshot | null; entries: MetadataEntry[] }> {
    const row = this.#sql.getSnapshot.first({});
    const snapshot = row && {
      index: integer(row.index),
      epoch: integer(row.epoch),
      image: text(row.image),
    };
    const entries: MetadataEntry[] = [];
    for (let after = snapshot?.index ?? 0; after < this.#last; after = entries.at(-1)?.index ?? 0)
      for (const { index, epoch, command } of this.#sql.listEntries.all({ after }))
        entries.push({ index: integer(index), epoch: integer(epoch), command: text(command) });
    return { snapshot, entries };
  }

  async append(entries: readonly MetadataEntry[]): Promise<void> {
    for (const [at, { index }] of entries.entries())
      assert(index === this.#last + 1 + at, "metadata entries follow each other");
    this.#transaction(() => {
      for (const { index, epoch, command } of entries)
        this.#sql.insertEntry.run({ index, epoch, command });
    });
    this.#last += entries.length;
  }

  async saveSnapshot({ index, epoch, image }: MetadataSnapshot): Promise<void> {
    assert(index <= this.#last, "a snapshot is of what was appended");
    const before = this.#sql.getSnapshot.first({});
    assert(!before || integer(before.index) <= index, "snapshots never go back");
    this.#transaction(() => {
      this.#sql.deleteSnapshots.run({});
      this.#sql.insertSnapshot.run({ index, epoch, image });
      this.#sql.deleteEntriesTo.run({ index });
    });
  }

  async backup(path: string): Promise<void> {
    if (existsSync(path)) throw new StorageFault("io", `${path} exists: a backup never overwrites`);
    this.#database.prepare("vacuum into ?").run([path]);
  }

  async close(): Promise<void> {
    this.#database.exec("pragma wal_checkpoint(truncate)");
    this.#database.close();
  }

  #transaction(work: () => void): void {
    let outcome: StorageFault["outcome"] = "none";
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      work();
      outcome = "unknown";
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.inTransaction) {
        this.#database.exec("ROLLBACK");
        outcome = "none";
      }
      throw asFault(error, outcome);
    }
    this.#commits += 1;
    if (this.#commits % CHECKPOINT_COMMITS === 0) this.#checkpoint();
  }

  #checkpoint(): void {
    this.#database.prepare("pragma wal_checkpoint(passive)").raw().get([]);
  }
}
