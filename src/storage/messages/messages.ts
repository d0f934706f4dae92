/**
 * What goes between the event loop's side of the storage and its Workers: one request a message, one answer each.
 */
import type { CommitMessage } from "./commit.ts";
import type { Holder } from "../files/folder-error.ts";
import type {
  MetadataEntry,
  MetadataSnapshot,
  NodeIdentity,
  StoredMetadata,
} from "../metadata-store.ts";
import type { Damage } from "../files/prove-end.ts";
import type { WalDamage } from "../files/wal-damage.ts";
import type { LogDescriptors } from "../files/log-descriptors.ts";
import type {
  AbortedTransaction,
  Bounds,
  Guard,
  PartitionId,
  PartitionKey,
  PartitionState,
  Place,
  Receipt,
  RowHead,
  StorageFault,
  StorageStats,
  StoredProducer,
} from "../storage.ts";

export interface OpenWriter {
  readonly type: "open-writer";
  readonly directory: string;
  readonly holder: Holder;
  /** Null where it is not known: counts as changed. */
  readonly bootId: string | null;
  readonly freeBytesMin: number;
}

export interface OpenReader {
  readonly type: "open-reader";
  readonly directory: string;
  /** Lent until it is closed; null for one that reads no pages. */
  readonly files: LogDescriptors | null;
  /** As the writer opened it. */
  readonly indexInMemory: boolean;
}

export interface CommitAll extends CommitMessage {
  readonly type: "commit";
}

export type WriterRequest =
  | CommitAll
  | { readonly type: "create"; readonly keys: readonly PartitionKey[] }
  | { readonly type: "drop"; readonly partitions: readonly PartitionId[] }
  | { readonly type: "partitions" }
  | { readonly type: "producers" }
  | { readonly type: "resumed" }
  | { readonly type: "bounds"; readonly partition: PartitionId }
  | { readonly type: "forget"; readonly nowMs: number }
  | { readonly type: "stats" }
  /** One bounded step of deleting and giving back space; the answer says whether there is more. */
  | { readonly type: "sweep" }
  /** After the checkpointer has done most of it, and saw so much: the rest, so that the next commit can begin the log anew. */
  | { readonly type: "finish-checkpoint"; readonly walBytes: number }
  | { readonly type: "close" };

export type ReaderRequest =
  /** With a page for each read that wants one (`pageBytesOf`), in order. */
  | {
      readonly type: "reads";
      readonly reads: readonly Read[];
      readonly pages: readonly Page[];
    }
  /** Shared pages come along anew from now on. */
  | { readonly type: "forget-pages" }
  | { readonly type: "checkpoint" }
  | { readonly type: "backup"; readonly path: string }
  | { readonly type: "close" };

export type PageBuffer = ArrayBuffer | SharedArrayBuffer;

/** A buffer that goes along and comes back, or one that both threads have, by its number: it comes along when it is new. */
export type Page =
  | ArrayBuffer
  | { readonly number: number; readonly buffer: SharedArrayBuffer | null };

export type Read =
  | {
      readonly type: "read";
      readonly partition: PartitionId;
      readonly from: number;
      readonly bytesMax: number;
      /** The first row may be as large; a larger one is not read, but told of. */
      readonly firstBytesMax?: number;
    }
  | { readonly type: "seek"; readonly partition: PartitionId; readonly timestampMs: number }
  | { readonly type: "locate"; readonly partition: PartitionId; readonly place: Place }
  | { readonly type: "receipt"; readonly partition: PartitionId; readonly key: Uint8Array }
  | { readonly type: "aborted"; readonly partition: PartitionId; readonly from: number };

export interface OpenMetadata {
  readonly type: "open-metadata";
  readonly directory: string;
  /** In the Worker of the logs' writer, which is open by then: where that has logs, metadata that lacks them is refused. */
  readonly besideLogs: boolean;
}

export type MetadataRequest =
  | { readonly type: "metadata-identity" }
  | { readonly type: "metadata-save-identity"; readonly identity: NodeIdentity }
  | { readonly type: "metadata-load" }
  | { readonly type: "metadata-append"; readonly entries: readonly MetadataEntry[] }
  | { readonly type: "metadata-snapshot"; readonly snapshot: MetadataSnapshot }
  | { readonly type: "metadata-backup"; readonly path: string }
  | { readonly type: "metadata-close" };

export interface MetadataAnswers {
  "metadata-identity": NodeIdentity | null;
  "metadata-save-identity": null;
  "metadata-load": StoredMetadata;
  "metadata-append": null;
  "metadata-snapshot": null;
  "metadata-backup": null;
  "metadata-close": null;
}

export type Request =
  | OpenWriter
  | OpenReader
  | OpenMetadata
  | WriterRequest
  | ReaderRequest
  | MetadataRequest;

/** An error that can cross a thread. */
export type Failure =
  | { readonly type: "fenced"; readonly actual: Guard }
  | {
      readonly type: "fault";
      readonly kind: StorageFault["kind"];
      readonly message: string;
      readonly outcome: StorageFault["outcome"];
      readonly next: number | null;
    }
  | { readonly type: "in-use"; readonly directory: string; readonly holder: Holder | null }
  | { readonly type: "newer"; readonly message: string }
  | { readonly type: "incomplete"; readonly message: string }
  | { readonly type: "metadata-lost"; readonly message: string }
  | { readonly type: "bug"; readonly message: string };

export interface Opened {
  readonly powerLost: boolean;
  /** The write-ahead log was damaged: what was committed behind is lost. */
  readonly lost: WalDamage | null;
  /** Logs whose newest rows were damaged: cut off there. */
  readonly cut: readonly Damage[];
  /** Logs whose own row does not say what topic they are of: an index did. */
  readonly unnamed: readonly PartitionId[];
  /** There was no room for the mark of this run: nothing is written before it. */
  readonly isFull: boolean;
  /** There was no room for the index of the write-ahead log: no other process can read the file now. */
  readonly indexInMemory: boolean;
  readonly upkeep: Upkeep;
}

export interface Committed {
  /** By place in the request; what is not here was committed. */
  readonly failures: readonly (readonly [at: number, failure: Failure])[];
  /** The large buffers, in the order they came. */
  readonly returned: readonly Uint8Array[];
  readonly upkeep: Upkeep;
}

/** What the writer would like to be asked for when there is time. */
export interface Upkeep {
  readonly sweep: boolean;
  /** `overdue`: before anything else is written, since the write-ahead log outgrows its checkpointer. */
  readonly checkpoint: "none" | "due" | "overdue";
}

/** What each request is answered with. */
export interface Answers extends MetadataAnswers {
  "open-metadata": null;
  "open-writer": Opened;
  "open-reader": null;
  commit: Committed;
  create: readonly PartitionState[];
  /** `left`: damaged, so that their rows stay. */
  drop: { readonly upkeep: Upkeep; readonly left: readonly PartitionId[] };
  partitions: readonly PartitionState[];
  producers: ReadonlyMap<PartitionId, readonly StoredProducer[]>;
  resumed: null;
  bounds: Bounds | null;
  /** Whether there may be more to forget. */
  forget: boolean;
  stats: StorageStats;
  sweep: Upkeep;
  "finish-checkpoint": Upkeep;
  close: null;
  reads: readonly (ReadAnswer | { readonly failure: Failure })[];
  "forget-pages": null;
  /** What the write-ahead log held. */
  checkpoint: number;
  backup: null;
}

export interface StoredRow extends RowHead {
  readonly data: Uint8Array;
}

export type ReadAnswer =
  | {
      readonly type: "read";
      readonly rows: readonly StoredRow[];
      readonly logStart: number;
      readonly refusedBytes?: number;
      /** The heads of the rows where they lie in the page that came with the read (`row-heads.ts`), not in `rows`. */
      readonly heads: Float64Array | null;
      /** That page's buffer; a shared one is not sent back. */
      readonly buffer: PageBuffer | null;
    }
  | { readonly type: "seek"; readonly row: StoredRow | null }
  | { readonly type: "locate"; readonly head: RowHead | null }
  | { readonly type: "receipt"; readonly receipt: Receipt | null }
  | { readonly type: "aborted"; readonly aborted: readonly AbortedTransaction[] };

/** Seen from the Worker: an answer and the buffers that move with it. */
export interface Answer<T> {
  readonly value: T;
  readonly transfer?: readonly ArrayBuffer[];
}
