/**
 * `raft.db` as its Worker opens it: small pages, every commit synced, and what each request of the metadata store does.
 *
 * After an error of the engine that is not a full disk nothing is written again.
 */
import { existsSync } from "node:fs";
import type Database from "libsql";
import { assert } from "../../lib/assert.ts";
import type { MetadataAnswers, MetadataRequest } from "../messages/messages.ts";
import type { MetadataEntry, MetadataSnapshot, NodeIdentity } from "../metadata-store.ts";
import { checkpoint } from "../files/checkpoint.ts";
import { begin, openDatabase, pragma, RAFT_PAGE_BYTES } from "../files/open.ts";
import { lacksItsTable } from "../files/lost-tables.ts";
import { MetadataLost } from "../files/folder-error.ts";
import { integer, prepareAll, text } from "../sql/prepared.ts";
import { commitFault, Contradiction, isDamage, isFull, isOfSchema } from "../files/sqlite-error.ts";
import { metadataChecksum } from "../sql/metadata-checksum.ts";
import { readMetadata } from "../sql/stored-metadata.ts";
import { raftStatements } from "../sql/statements-raft.ts";
import { findWalDamage } from "../files/wal-damage.ts";
import { StorageFault } from "../storage.ts";

const CACHE_BYTES = 2 * 1024 * 1024;
const BUSY_MS = 5_000;
/** Growth of the write-ahead log after which it is copied back into the file. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;
/** Pages that a commit writes beside its data: the table's, its index's, the file's head. */
const PAGES_A_COMMIT = 4;

const utf8 = new TextEncoder();

export class MetadataFile {
  readonly #database: Database.Database;
  readonly #sql;
  #last: number;
  /** About how much the write-ahead log has grown since it was last copied back. */
  #walGrowthBytes = 0;
  #broken: StorageFault | null = null;

  /** `hasLogs`: metadata without a cluster is refused before anything of it is written. */
  constructor(directory: string, hasLogs: boolean) {
    const damage = findWalDamage(`${directory}/raft.db-wal`, RAFT_PAGE_BYTES);
    if (damage)
      throw MetadataLost.of(
        `what was committed behind byte ${damage.atByte} of raft.db-wal is lost`,
      );
    if (hasLogs && lacksItsTable(`${directory}/raft.db`, "identity", BUSY_MS))
      throw withoutCluster();
    const { database } = openDatabase({
      path: `${directory}/raft.db`,
      kind: "raft",
      pageBytes: RAFT_PAGE_BYTES,
      cacheBytes: CACHE_BYTES,
      busyMs: BUSY_MS,
    });
    this.#database = database;
    readable(() => refuseContradictions(database));
    this.#sql = prepareAll(this.#database, raftStatements);
    if (hasLogs && !this.#sql.getIdentity.first({})) {
      database.close();
      throw withoutCluster();
    }
    const newest = this.#sql.lastEntry.first({}) ?? this.#sql.getSnapshot.first({});
    this.#last = newest ? integer(newest.index) : 0;
  }

  answer(request: MetadataRequest): MetadataAnswers[MetadataRequest["type"]] {
    switch (request.type) {
      case "metadata-identity":
        return readable(() => this.#identity());
      case "metadata-save-identity":
        return this.#saveIdentity(request.identity);
      case "metadata-load":
        return readable(() => readMetadata(this.#sql));
      case "metadata-append":
        return this.#append(request.entries);
      case "metadata-snapshot":
        return this.#saveSnapshot(request.snapshot);
      case "metadata-backup":
        return this.#backup(request.path);
      case "metadata-close":
        return this.close();
      default:
        return request satisfies never;
    }
  }

  close(): null {
    try {
      this.#database.exec("pragma wal_checkpoint(truncate)");
    } catch (error) {
      // What is not copied back stays in the write-ahead log.
      if (!isFull(error)) throw error;
    } finally {
      this.#database.close();
    }
    return null;
  }

  #identity(): NodeIdentity | null {
    const row = this.#sql.getIdentity.first({});
    if (!row) return null;
    const { clusterId, nodeId, directoryId } = row;
    return {
      clusterId: text(clusterId),
      nodeId: integer(nodeId),
      directoryId: text(directoryId),
    };
  }

  #saveIdentity({ clusterId, nodeId, directoryId }: NodeIdentity): null {
    assert(this.#identity() === null, "a folder is given its identity once");
    return this.#transaction(0, () => {
      this.#sql.insertIdentity.run({ clusterId, nodeId, directoryId });
    });
  }

  #append(entries: readonly MetadataEntry[]): null {
    for (const [at, { index }] of entries.entries())
      assert(index === this.#last + 1 + at, "metadata entries follow each other");
    const bytes = entries.reduce((sum, { command }) => sum + command.length, 0);
    this.#transaction(bytes, () => {
      for (const { index, epoch, command } of entries) {
        const checksum = metadataChecksum(index, epoch, utf8.encode(command));
        this.#sql.insertEntry.run({ index, epoch, command, checksum });
      }
    });
    this.#last += entries.length;
    return null;
  }

  #saveSnapshot({ index, epoch, image }: MetadataSnapshot): null {
    assert(index <= this.#last, "a snapshot is of what was appended");
    const before = this.#sql.getSnapshot.first({});
    assert(!before || integer(before.index) <= index, "snapshots never go back");
    const checksum = metadataChecksum(index, epoch, utf8.encode(image));
    // What is deleted writes about as much again: free pages are listed.
    return this.#transaction(2 * image.length, () => {
      this.#sql.deleteSnapshots.run({});
      this.#sql.insertSnapshot.run({ index, epoch, image, checksum });
      this.#sql.deleteEntriesTo.run({ index });
    });
  }

  #backup(path: string): null {
    if (existsSync(path)) throw new StorageFault("io", `${path} exists: a backup never overwrites`);
    this.#database.prepare("vacuum into ?").run([path]);
    return null;
  }

  /** `bytes`: about what it writes. */
  #transaction(bytes: number, work: () => void): null {
    if (this.#broken) throw this.#broken;
    let committing = false;
    try {
      begin(this.#database);
      work();
      committing = true;
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec("ROLLBACK");
      const fault = commitFault(error, committing);
      // Later ones have surely no effect.
      if (fault.kind === "io") this.#broken = new StorageFault("io", fault.message);
      throw fault;
    }
    this.#walGrowthBytes += PAGES_A_COMMIT * RAFT_PAGE_BYTES + bytes;
    if (this.#walGrowthBytes < CHECKPOINT_BYTES) return null;
    checkpoint(this.#database);
    this.#walGrowthBytes = 0;
    return null;
  }
}

/**
 * Checksums tell what an entry is, not that the newest ones are there: a page that says it has fewer, has fewer. SQLite's own check
 * sees it; it takes a tenth of a millisecond, 10 ms with ten thousand topics.
 */
function refuseContradictions(database: Database.Database): void {
  const found = pragma(database, "quick_check(1)");
  if (found === "ok") return;
  const [title, words] = String(found).split("\n");
  throw new Contradiction(words ?? title);
}

/** What a start needs of the file: there is no going on without it, nor where its schema is not what it was. */
function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error) && !isOfSchema(error)) throw error;
    throw MetadataLost.of(`what it holds cannot be read (${String(error)})`);
  }
}

function withoutCluster(): MetadataLost {
  return MetadataLost.of("log.db has logs, but no cluster is known that they are of");
}
