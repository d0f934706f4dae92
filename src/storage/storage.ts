/**
 * What the house asks of durable storage: partition logs as rows of whole record batches, and small tables beside them.
 *
 * - It knows logs and rows, never requests: offsets, epochs and bytes come from log/, which also decides what they mean.
 * - A commit is all or nothing for its partition and guarded: it fails unless the partition's epoch and end are what the
 *   writer believes. Commits that wait at the same time share one transaction (group commit, no timer).
 * - `memory/` is the reference and the simulator's disk; `libsql/` is the file. One contract suite holds both.
 *
 * Left out: the metadata log, which is always synced and lives in a database of its own (`metadata-store.ts`).
 */

/** A partition's number inside this storage: given once, never reused, another on every node. */
export type PartitionId = number;

/** Partitions that one call may create. */
export const CREATE_PARTITIONS_MAX = 10_000;

/** Appends from this size on that own their whole buffer are transferred to the writer; smaller ones are copied. */
export const TRANSFER_BYTES_MIN = 65_536;

/** Which partition of which incarnation of a topic; the topic id is the 22-character base64url UUID. */
export interface PartitionKey {
  readonly topicId: string;
  readonly index: number;
}

/** Where a log begins and ends. Offsets are exact integers below 2^53. */
export interface Bounds {
  /** The first offset that may be read; rows wholly below it are gone or going. */
  readonly logStart: number;
  /** The next offset to be written. */
  readonly end: number;
  /** The leader epoch of the newest `begin`, 0 for a new partition. */
  readonly epoch: number;
  /** Offsets below this may have been handed out; resumed from after a power cut. Never less than `end`. */
  readonly reservedEnd: number;
  /** Bytes ever appended; the log position of the next row. */
  readonly endPosition: number;
  /** The log position of the row that holds `logStart`: `endPosition - startPosition` is the log's size in bytes. */
  readonly startPosition: number;
  /** The largest record timestamp ever appended, -1 when there is none. */
  readonly maxTimestamp: number;
  /** Compaction has gone through everything below it. */
  readonly cleanedTo: number;
  /** What is stored of producers is as of this offset: batches from here to the end may say more. */
  readonly producersEnd: number;
  /** No aborted transaction ends at or past this offset. */
  readonly abortedEnd: number;
}

export interface PartitionState extends PartitionKey, Bounds {
  readonly id: PartitionId;
  /** Leader epochs and the offset each began at, ascending (KIP-101). */
  readonly epochs: readonly EpochStart[];
}

export interface EpochStart {
  readonly epoch: number;
  readonly start: number;
}

/** What the writer believes of a partition; the commit fails with `Fenced` when it is otherwise. */
export interface Guard {
  readonly epoch: number;
  readonly end: number;
}

/**
 * Whole record batches, base offsets and leader epoch stamped; their first offset is at or past the partition's end.
 * A newer epoch than the partition's begins with it, at its base.
 */
export interface Append {
  readonly type: "append";
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  /** Number of batches in `data`. */
  readonly count: number;
  /** The largest timestamp in `data`. */
  readonly maxTimestamp: number;
  /** Whether a batch in `data` has a producer id: what is stored of producers is then behind the log. */
  readonly producers: boolean;
  /** The buffer of `data` may be taken whole, though `data` is only a part of it: nobody needs the rest. */
  readonly ownsBuffer?: boolean;
  /**
   * Lent to storage until the commit settles: nobody reads or writes it in between. When it owns a buffer, or is the whole
   * of one, and has `TRANSFER_BYTES_MIN` or more, other views on that buffer are cut off for good, and storage puts another view with the
   * same bytes here: read this field again afterwards.
   */
  data: Uint8Array;
}

/** Starts a leader epoch at an offset at or past the end (past it after a power cut: offsets may be sparse). */
export interface Begin {
  readonly type: "begin";
  readonly epoch: number;
  readonly start: number;
}

/** Moves the log start; rows wholly below it are deleted at leisure, in bounded chunks. */
export interface Trim {
  readonly type: "trim";
  readonly logStart: number;
}

/**
 * Cuts everything at and past `end`: later rows, the batch that straddles it, epochs, receipts, aborted transactions. The end
 * is then `end`. Where producers were stored as of a later offset they are forgotten, and `producersEnd` is 0.
 */
export interface Truncate {
  readonly type: "truncate";
  readonly end: number;
}

/** Remembers one idempotent HTTP request with the records it made; opaque here. The same key again replaces it. */
export interface PutReceipt {
  readonly type: "receipt";
  readonly receipt: Receipt;
}

export interface Receipt {
  readonly key: Uint8Array;
  /** The last offset that it vouches for: truncation past it removes the receipt. */
  readonly last: number;
  /** Wall time after which it may be forgotten. */
  readonly expiresMs: number;
  readonly value: Uint8Array;
}

/**
 * Puts other rows in the place of those that lie from `from` to `to`, at the same offsets (compaction). Positions follow
 * with `Pack`. The newest row of the log is never among them, so that the log goes on ending where it did.
 */
export interface Rewrite {
  readonly type: "rewrite";
  /** The base of the first row and the last offset of the last one that give way. */
  readonly from: number;
  readonly to: number;
  /** How many rows give way: others than the writer read are a bug. */
  readonly replaced: number;
  readonly rows: readonly RewrittenRow[];
}

export interface RewrittenRow {
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  /** Number of batches in `data`. */
  readonly count: number;
  /** Copied when the commit begins, never taken: others may be reading the same bytes. */
  readonly data: Uint8Array;
}

/**
 * Moves the rows that lie from `from` to `to` in log position, so that each ends where the next one begins: the log's size in
 * bytes is right again once all rows have been, from the newest to the oldest. A bounded number of rows is the writer's affair.
 */
export interface Pack {
  readonly type: "pack";
  readonly from: number;
  readonly to: number;
}

/** Forgets the aborted transaction whose marker was at `last`: compaction has left nothing of it. */
export interface DropAborted {
  readonly type: "unaborted";
  readonly last: number;
}

/** Compaction has gone through everything below `to`. */
export interface Cleaned {
  readonly type: "cleaned";
  readonly to: number;
}

/**
 * Brings what is stored of producers up to `end`, which lies between the stored one and the log's: those that changed since,
 * and those that may be forgotten.
 */
export interface PutProducers {
  readonly type: "producers";
  readonly end: number;
  readonly changed: readonly StoredProducer[];
  readonly gone: readonly bigint[];
}

/** One producer's state in one partition; what its numbers mean is log/'s affair. */
export interface StoredProducer {
  /** Any int64. */
  readonly id: bigint;
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly lastTimestamp: number;
  /** The first offset of its open transaction, -1 without one. */
  readonly transactionStart: number;
  readonly batches: Uint8Array;
}

/** Remembers an aborted transaction, written with its marker: the log's newest record at that time. */
export interface PutAborted {
  readonly type: "aborted";
  readonly transaction: AbortedTransaction;
}

/** A producer's records from `first` up to its marker at `last` were aborted. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly first: number;
  readonly last: number;
  /** The last stable offset once the marker was written. */
  readonly lastStable: number;
}

/** Aborted transactions that one look-up gives at most. */
export const ABORTED_READ_MAX = 1_000;

export type Entry =
  | Append
  | Begin
  | Trim
  | Truncate
  | PutReceipt
  | Rewrite
  | Pack
  | Cleaned
  | DropAborted
  | PutProducers
  | PutAborted;

/** `synced`: on the disk before it resolves. `written`: survives kill -9; synced with the next synced commit. */
export type Durability = "synced" | "written";

export interface Change {
  readonly partition: PartitionId;
  readonly guard: Guard;
  readonly entries: readonly Entry[];
  readonly durability: Durability;
  /** Nobody else is about to commit: it need not wait for others that this turn of the event loop may bring. */
  readonly alone?: boolean;
}

/** Where a stored run of whole batches lies; how batches are grouped into rows differs between implementations. */
export interface RowHead {
  readonly base: number;
  readonly last: number;
  readonly epoch: number;
  /** Log position of the first byte of `data`. */
  readonly position: number;
}

/** A read gives the bytes exactly as appended. */
export interface Row extends RowHead {
  readonly data: Uint8Array;
}

/**
 * A place in a log: where the running maximum of timestamps reaches a time, where the log's bytes reach a position, or the
 * first row that holds an offset at or past one.
 */
export type Place =
  | { readonly timestampMs: number }
  | { readonly position: number }
  | { readonly offset: number };

export interface ReadRows {
  /** Ascending; the first holds the first stored offset at or past `from`. Empty at the end of the log. */
  readonly rows: readonly Row[];
  /** The log start as of after the read: rows below it must not be shown (a delete came in between). */
  readonly logStart: number;
  /** The size of the first row, where it was too large to be read: there are no rows then. */
  readonly refusedBytes?: number;
  /**
   * Says that its caller has done with the rows, and so has everybody whom it gave views of them: their memory is then used
   * for other reads. Whoever is not sure does not call it.
   */
  readonly done?: () => void;
}

export interface StorageStats {
  /** Size of the database file and of its write-ahead log on disk. */
  readonly databaseBytes: number;
  readonly walBytes: number;
  /** Space on the volume that is still free; Infinity where it is not known. */
  readonly freeBytes: number;
  /** Why writes that need space are refused just now; null where they are not. */
  readonly refusing: string | null;
  readonly commits: number;
  readonly syncs: number;
}

export interface Storage {
  /**
   * True when the last run did not end cleanly and the machine restarted since: an unsynced tail may be lost. It stays so
   * over later runs until `resumed`.
   */
  readonly powerLost: boolean;

  /** Every log has begun anew past its reserved end: the lost power need not be told again. Synced. */
  resumed(): Promise<void>;

  /** Every partition there is, by id. What a killed process had merely written is synced by now, unless power was lost. */
  partitions(): Promise<PartitionState[]>;

  /** What is stored of producers, by partition; each as of its partition's `producersEnd`. */
  producers(): Promise<ReadonlyMap<PartitionId, readonly StoredProducer[]>>;

  /** Gives each key its partition, new and empty or as it was; synced. At most `CREATE_PARTITIONS_MAX`. */
  create(keys: readonly PartitionKey[]): Promise<PartitionState[]>;

  /** Forgets partitions at once and deletes their rows at leisure; synced. */
  drop(partitions: readonly PartitionId[]): Promise<void>;

  /**
   * Applies the entries in order, all or none. Resolves once as durable as asked.
   * @throws Fenced when the guard does not hold; nothing of this change was applied.
   * @throws StorageFault when the disk is full or failed; of `unknown` outcome if the fault says so.
   */
  commit(change: Change): Promise<void>;

  /** Where the log begins and ends, as of the last commit; null for a partition that is not there. */
  bounds(partition: PartitionId): Promise<Bounds | null>;

  /**
   * Rows from `from` on up to about `bytesMax` of data, but always one whole row where there is one, unless it is larger than
   * `firstBytesMax` as well: its size is told then. A partition that is not there reads as empty.
   * @throws StorageFault `damaged` where the first cannot be read, with where reading may go on.
   */
  read(
    partition: PartitionId,
    from: number,
    bytesMax: number,
    firstBytesMax?: number,
  ): Promise<ReadRows>;

  /** The first readable row whose running maximum of timestamps reaches `timestampMs`, or null. */
  seek(partition: PartitionId, timestampMs: number): Promise<Row | null>;

  /** The first readable row that reaches this place, or null: for retention and compaction. */
  locate(partition: PartitionId, place: Place): Promise<RowHead | null>;

  /** The receipt kept under this key, unless forgotten. */
  receipt(partition: PartitionId, key: Uint8Array): Promise<Receipt | null>;

  /**
   * Aborted transactions whose markers lie at or past `from`, ascending by marker, `ABORTED_READ_MAX` at most. Those below
   * the log start may be gone.
   */
  aborted(partition: PartitionId, from: number): Promise<readonly AbortedTransaction[]>;

  /** Forgets receipts that expired before `nowMs`, in bounded steps. */
  forgetReceipts(nowMs: number): Promise<void>;

  /** Writes a consistent copy of everything committed to a new file, while serving. Refuses to overwrite. */
  backup(path: string): Promise<void>;

  stats(): Promise<StorageStats>;

  /** Finishes what was accepted, leaves the mark of a clean end, frees the folder. */
  close(): Promise<void>;
}

/** Another writer moved this partition, or we lost count of it; whoever sees it re-reads the bounds. */
export class Fenced extends Error {
  override readonly name = "Fenced";
  /** What the partition's epoch and end really are. */
  readonly actual: Guard;

  constructor(partition: PartitionId, guard: Guard, actual: Guard) {
    super(
      `partition ${partition} is at epoch ${actual.epoch}, end ${actual.end}, ` +
        `not at epoch ${guard.epoch}, end ${guard.end}`,
    );
    this.actual = actual;
  }
}

/** The second kind of error: the disk or the remote failed, not the request. */
export class StorageFault extends Error {
  override readonly name = "StorageFault";
  /** `full`: writes come back with space. `damaged`: a part of the file is, the rest serves. `io`: else. `closed`: too late. */
  readonly kind: "full" | "damaged" | "io" | "closed";
  /** Whether the change may have been applied all the same. */
  readonly outcome: "none" | "unknown";
  /** Of a `damaged` read: the first offset behind the damage; null where it is not known. */
  readonly next: number | null;

  constructor(
    kind: StorageFault["kind"],
    message: string,
    more: { outcome?: StorageFault["outcome"]; next?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.kind = kind;
    this.outcome = more.outcome ?? "none";
    this.next = more.next ?? null;
  }
}
