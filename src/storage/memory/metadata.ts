/**
 * The metadata store in memory: the reference, and what simulation runs on. Everything in it counts as synced; a crash
 * of its disk ends the store that is open on it and loses nothing.
 */
import { assert } from "../../lib/assert.ts";
import type {
  MetadataEntry,
  MetadataSnapshot,
  MetadataStore,
  NodeIdentity,
} from "../metadata-store.ts";
import { StorageFault } from "../storage.ts";

/** What outlives the store. */
export class MemoryMetadataDisk {
  identity: NodeIdentity | null = null;
  snapshot: MetadataSnapshot | null = null;
  entries: MetadataEntry[] = [];
  /** While true, appends and snapshots are refused. */
  full = false;
}

export function memoryMetadataStore(
  disk: MemoryMetadataDisk = new MemoryMetadataDisk(),
): MetadataStore {
  return {
    async identity() {
      return disk.identity;
    },
    async saveIdentity(identity) {
      assert(disk.identity === null, "a folder is given its identity once");
      disk.identity = { ...identity };
    },
    async load() {
      return { snapshot: disk.snapshot, entries: [...disk.entries], uncheckedTo: 0 };
    },
    async append(entries) {
      refuseWhenFull(disk);
      const next = (disk.entries.at(-1)?.index ?? disk.snapshot?.index ?? 0) + 1;
      for (const [at, { index }] of entries.entries())
        assert(index === next + at, "metadata entries follow each other");
      disk.entries.push(...entries.map((entry) => ({ ...entry })));
    },
    async saveSnapshot(snapshot) {
      refuseWhenFull(disk);
      assert(snapshot.index >= (disk.snapshot?.index ?? 0), "snapshots never go back");
      disk.snapshot = { ...snapshot };
      disk.entries = disk.entries.filter(({ index }) => index > snapshot.index);
    },
    backup() {
      return Promise.reject(new StorageFault("io", "memory has no file to copy"));
    },
    async close() {},
  };
}

function refuseWhenFull(disk: MemoryMetadataDisk): void {
  if (disk.full) throw new StorageFault("full", "the disk is full");
}
