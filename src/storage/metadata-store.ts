/**
 * What the controller asks of storage: an always-synced log of metadata commands, one snapshot below it, and the few
 * facts of this node that must outlive it. It lives in `raft.db`, apart from the logs, with a page size for small commits.
 *
 * The Raft core comes underneath this seam later; votes and epochs will then be saved here too.
 */

/** One metadata command as stored; `index` counts from 1 without a gap. */
export interface MetadataEntry {
  readonly index: number;
  readonly epoch: number;
  /** The command as JSON text, its name and version in it. */
  readonly command: string;
}

export interface MetadataSnapshot {
  /** The last index that the snapshot includes. */
  readonly index: number;
  readonly epoch: number;
  /** The image as JSON text. */
  readonly image: string;
}

/** What a start reads. */
export interface StoredMetadata {
  readonly snapshot: MetadataSnapshot | null;
  /** After the snapshot, ascending. */
  readonly entries: readonly MetadataEntry[];
  /** What has this index or a lower one was stored without a checksum: nothing tells whether it is what was written. 0: nothing. */
  readonly uncheckedTo: number;
}

/** Who this folder belongs to; made once. */
export interface NodeIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
}

export interface MetadataStore {
  identity(): Promise<NodeIdentity | null>;
  saveIdentity(identity: NodeIdentity): Promise<void>;

  /** The newest snapshot, if any, and the entries after it, ascending. */
  load(): Promise<StoredMetadata>;

  /** Appends entries that follow the last one; resolves once synced. Throws StorageFault. */
  append(entries: readonly MetadataEntry[]): Promise<void>;

  /** Replaces the snapshot and deletes the entries it includes, in one transaction. */
  saveSnapshot(snapshot: MetadataSnapshot): Promise<void>;

  /** Writes a consistent copy to a new file, while serving. */
  backup(path: string): Promise<void>;

  close(): Promise<void>;
}
