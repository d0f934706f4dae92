/**
 * A consistent copy of a node's two database files while it serves, to be read and then discarded.
 *
 * - The logs are copied before the metadata: a topic that was made in between is there with empty partitions, which a
 *   start completes, and not the other way round.
 * - The copies stand in the data folder for as long as they are read, since that volume alone is known to be large enough;
 *   what a killed process left of one is cleared before the next.
 */
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "../../lib/random.ts";
import { randomUuid } from "../../lib/random.ts";
import type { MetadataStore } from "../metadata-store.ts";
import { type Storage, StorageFault } from "../storage.ts";

const PREFIX = "backup-";

export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  read(): AsyncIterable<Uint8Array>;
}

export interface Backup {
  readonly files: readonly BackupFile[];
  /** Deletes the copies. */
  discard(): Promise<void>;
}

export interface BackupOptions {
  readonly directory: string;
  readonly storage: Storage;
  readonly store: MetadataStore;
  readonly random: Random;
}

/** One at a time: another's copies are taken for leftovers. Throws StorageFault when there is no space for a copy. */
export async function makeBackup(options: BackupOptions): Promise<Backup> {
  const { directory, storage, store, random } = options;
  await clearBackups(directory);
  const { databaseBytes, walBytes, freeBytes } = await storage.stats();
  if (freeBytes < databaseBytes + walBytes)
    throw new StorageFault("full", noRoom(databaseBytes + walBytes, freeBytes));
  const folder = join(directory, PREFIX + randomUuid(random));
  const discard = () => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(folder);
    await storage.backup(join(folder, "log.db"));
    await store.backup(join(folder, "raft.db"));
    const names = ["log.db", "raft.db"];
    const files = await Promise.all(names.map((name) => backupFile(folder, name)));
    return { files, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

/** Deletes what an interrupted backup left. */
async function clearBackups(directory: string): Promise<void> {
  const left = (await readdir(directory)).filter((name) => name.startsWith(PREFIX));
  for (const name of left) await rm(join(directory, name), { recursive: true, force: true });
}

async function backupFile(folder: string, name: string): Promise<BackupFile> {
  const path = join(folder, name);
  const { size: bytes } = await stat(path);
  return { name, bytes, read: () => createReadStream(path, { highWaterMark: 1024 * 1024 }) };
}

function noRoom(neededBytes: number, freeBytes: number): string {
  const [needed, free] = [neededBytes, freeBytes].map((bytes) => (bytes / 2 ** 20).toFixed(1));
  return `A backup begins with a copy in the data folder, which takes ${needed} MiB, and ${free} MiB are free: free or add space.`;
}
