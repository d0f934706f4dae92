/**
 * Why a folder was not opened: another process has it, a newer kedge wrote it, half of it is gone, its metadata lost
 * something. All are for a person to settle.
 */

/** The process that has a folder open. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly startedMs: number;
}

export class FolderInUse extends Error {
  override readonly name = "FolderInUse";
  readonly directory: string;
  readonly holder: Holder | null;

  constructor(directory: string, holder: Holder | null) {
    const who = holder
      ? `process ${holder.pid} on ${holder.host}, started ${new Date(holder.startedMs).toISOString()}`
      : "another process";
    super(`${directory} is in use by ${who}: stop it, or choose another folder`);
    this.directory = directory;
    this.holder = holder;
  }
}

/** The file was written by a newer kedge, or by none; it was not touched. */
export class NewerFormat extends Error {
  override readonly name = "NewerFormat";
}

/** One of the folder's files is gone; the other was not touched. */
export class FolderIncomplete extends Error {
  override readonly name = "FolderIncomplete";

  static of(directory: string, missing: string, found: string): FolderIncomplete {
    return new FolderIncomplete(
      `${directory} has ${found} but no ${missing}: restore a backup of both, or move ${found} away to begin anew`,
    );
  }
}

/** The metadata knows less than the logs: going on would delete those that it does not know. Nothing was deleted. */
export class MetadataLost extends Error {
  override readonly name = "MetadataLost";

  /** `lack` says what raft.db does not know. */
  static of(lack: string): MetadataLost {
    return new MetadataLost(
      `raft.db, or its write-ahead log raft.db-wal, is damaged or older than log.db: ${lack}. Nothing was deleted: restore a backup of both files, or move the folder away to begin anew`,
    );
  }
}
