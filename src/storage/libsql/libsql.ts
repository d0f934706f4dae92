/**
 * Storage in a libSQL file: `log.db` in a folder that one process holds.
 *
 * - Everything that blocks runs in Workers: one writer for life, readers and a checkpointer opened when first needed.
 * - One commit is under way at a time; what comes meanwhile goes with the next, without a timer: the group grows as the
 *   disk slows.
 * - Between commits the writer is asked for upkeep: the end of a checkpoint, a step of deleting. Under load a step comes
 *   after every few commits, so that retention keeps pace with a writer that never idles.
 * - An I/O error ends writing for good (`onFailure`): what the disk then holds is not known. A full disk or a damaged page do not.
 */
import { mkdirSync } from "node:fs";
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { Channel } from "./channel.ts";
import { giveBack, packChanges } from "../messages/commit.ts";
import { tellLeft, tellOpened } from "./tell-opened.ts";
import { errorOf } from "../messages/failure.ts";
import type { Opened, OpenReader, Upkeep } from "../messages/messages.ts";
import { PageBuffers } from "../reading/page-buffers.ts";
import { changesRows, ReadAhead } from "../reading/read-ahead.ts";
import { type LibsqlStorageLimits, libsqlStorageLimits } from "./limits.ts";
import { ReadQueue } from "../reading/read-queue.ts";
import { closeLogFiles, type LogDescriptors, openLogFiles } from "../files/log-descriptors.ts";
import {
  type AbortedTransaction,
  type Bounds,
  CREATE_PARTITIONS_MAX,
  type Change,
  type PartitionId,
  type PartitionKey,
  type PartitionState,
  type Place,
  type Receipt,
  type Row,
  type RowHead,
  type Storage,
  StorageFault,
  type StorageStats,
  type StoredProducer,
} from "../storage.ts";

export interface LibsqlStorageOptions {
  /** Made if it is not there; its `lock.db` is held until `close` or the end of the process. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who holds the folder, for a second one to be told; `bootId` null counts as a restart of the machine. */
  readonly process: {
    readonly pid: number;
    readonly hostname: string;
    readonly bootId: string | null;
  };
  readonly limits?: Partial<LibsqlStorageLimits>;
  /** Called once when the disk failed: the node must stop. */
  readonly onFailure?: (fault: StorageFault) => void;
}

/** Throws FolderInUse when another process has the folder, NewerFormat when a newer kedge wrote it. Asks `writer` at once. */
export async function openLibsqlStorage(
  options: LibsqlStorageOptions,
  writer = new Channel(),
): Promise<Storage> {
  const { directory, clock, logger, process } = options;
  const limits = { ...libsqlStorageLimits, ...options.limits };
  try {
    mkdirSync(directory, { recursive: true });
    const opened = await writer.ask({
      type: "open-writer",
      directory,
      holder: { pid: process.pid, host: process.hostname, startedMs: clock.nowMs() },
      bootId: process.bootId,
      freeBytesMin: limits.freeBytesMin,
    });
    tellOpened(opened, directory, logger);
    return new LibsqlStorage({ ...options, limits }, writer, opened);
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** The Worker that writes this storage, for what is to share it; null for a storage of another kind. */
export function writerOf(storage: Storage): Channel | null {
  return storage instanceof LibsqlStorage ? storage.writer : null;
}

/** Under load, commits between two steps of sweeping. */
const COMMITS_A_SWEEP = 8;

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class LibsqlStorage implements Storage {
  readonly powerLost: boolean;
  readonly #options: LibsqlStorageOptions;
  readonly #limits: LibsqlStorageLimits;
  readonly writer: Channel;
  readonly #files: LogDescriptors | null;
  readonly #openReader: OpenReader;
  readonly #readers: ReadQueue;
  readonly #readAhead: ReadAhead;
  /** The checkpointer. */
  #side: Channel | null = null;
  #queue: Waiting[] = [];
  #working: Promise<void> | null = null;
  #upkeep: Upkeep;
  /** The checkpointer at work, until its rest is finished. */
  #checkpointing: Promise<void> | null = null;
  /** What the write-ahead log held when it ended, until the rest is finished. */
  #checkpointedBytes: number | null = null;
  #commitsUnswept = 0;
  #closed = false;
  #failed = false;

  constructor(
    options: LibsqlStorageOptions & { readonly limits: LibsqlStorageLimits },
    writer: Channel,
    { powerLost, upkeep, indexInMemory }: Opened,
  ) {
    this.#options = options;
    this.#limits = options.limits;
    this.writer = writer;
    const { directory, clock, limits } = options;
    const pages = new PageBuffers({ clock, limits, onForget: () => this.#readers.forgetPages() });
    // Where other processes are kept out by this one's locks alone, nothing goes past SQLite.
    this.#files = indexInMemory ? null : openLogFiles(directory);
    this.#openReader = { type: "open-reader", directory, indexInMemory, files: this.#files };
    this.#readers = new ReadQueue({ openReader: this.#openReader, clock, pages, limits });
    this.#readAhead = new ReadAhead({
      clock,
      bytesMax: limits.readAheadBytesMax,
      read: async (page, isAhead) => {
        if (isAhead) this.#refuseClosed();
        return pages.rowsOf(await this.#readers.ask(page, isAhead));
      },
      hurry: (page) => this.#readers.hurry(page),
    });
    this.powerLost = powerLost;
    this.#upkeep = upkeep;
    this.#work();
  }

  async resumed(): Promise<void> {
    this.#refuseClosed();
    if (this.powerLost) await this.#watched(this.writer.ask({ type: "resumed" }));
  }

  async partitions(): Promise<PartitionState[]> {
    this.#refuseClosed();
    return [...(await this.writer.ask({ type: "partitions" }))];
  }

  async producers(): Promise<ReadonlyMap<PartitionId, readonly StoredProducer[]>> {
    this.#refuseClosed();
    return this.writer.ask({ type: "producers" });
  }

  async create(keys: readonly PartitionKey[]): Promise<PartitionState[]> {
    assert(keys.length <= CREATE_PARTITIONS_MAX, "partitions are created in bounded steps");
    this.#refuseClosed();
    return [...(await this.#watched(this.writer.ask({ type: "create", keys })))];
  }

  async drop(partitions: readonly PartitionId[]): Promise<void> {
    this.#refuseClosed();
    const asked = this.writer.ask({ type: "drop", partitions });
    const { upkeep, left } = await this.#watched(asked);
    this.#upkeep = upkeep;
    if (left.length > 0) tellLeft(left, this.#options.logger);
    for (const partition of partitions) this.#readAhead.forget(partition);
    this.#work();
  }

  commit(change: Change): Promise<void> {
    if (this.#closed) return Promise.reject(closedFault());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ change, resolve, reject });
    this.#work(change.alone);
    return promise;
  }

  async bounds(partition: PartitionId): Promise<Bounds | null> {
    this.#refuseClosed();
    return this.writer.ask({ type: "bounds", partition });
  }

  async read(partition: PartitionId, from: number, bytesMax: number, firstBytesMax = Infinity) {
    this.#refuseClosed();
    return this.#readAhead.read({ type: "read", partition, from, bytesMax, firstBytesMax });
  }

  async seek(partition: PartitionId, timestampMs: number): Promise<Row | null> {
    this.#refuseClosed();
    return (await this.#readers.ask({ type: "seek", partition, timestampMs })).row;
  }

  async locate(partition: PartitionId, place: Place): Promise<RowHead | null> {
    this.#refuseClosed();
    return (await this.#readers.ask({ type: "locate", partition, place })).head;
  }

  async receipt(partition: PartitionId, key: Uint8Array): Promise<Receipt | null> {
    this.#refuseClosed();
    return (await this.#readers.ask({ type: "receipt", partition, key })).receipt;
  }

  async aborted(partition: PartitionId, from: number): Promise<readonly AbortedTransaction[]> {
    this.#refuseClosed();
    return (await this.#readers.ask({ type: "aborted", partition, from })).aborted;
  }

  async forgetReceipts(nowMs: number): Promise<void> {
    do this.#refuseClosed();
    while (await this.#watched(this.writer.ask({ type: "forget", nowMs })));
  }

  async backup(path: string): Promise<void> {
    this.#refuseClosed();
    // In a Worker of its own: commits may wait for the checkpointer, and a copy takes as long as the file is large.
    const channel = this.#openSide();
    try {
      await channel.ask({ type: "backup", path });
    } finally {
      await channel.close();
    }
  }

  async stats(): Promise<StorageStats> {
    this.#refuseClosed();
    return this.writer.ask({ type: "stats" });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#idle();
    await this.#checkpointing;
    await this.#idle();
    await this.#readers.close();
    await this.#side?.close();
    await this.writer.close();
    closeLogFiles(this.#files);
  }

  async #idle(): Promise<void> {
    while (this.#working) await this.#working;
  }

  /** Starts the writer's rounds unless they run. */
  #work(alone = false): void {
    this.#working ??= this.#rounds(alone);
  }

  async #rounds(alone: boolean): Promise<void> {
    // Whatever else this turn of the event loop brings goes with the first commit.
    if (!alone) await this.#options.clock.turn();
    for (;;) {
      if (this.#queue.length > 0) await this.#commitNext();
      if (this.#upkeep.checkpoint !== "none") this.#startCheckpoint();
      if (this.#upkeep.checkpoint === "overdue") await this.#checkpointing;
      if (this.#checkpointedBytes !== null) await this.#finishCheckpoint(this.#checkpointedBytes);
      if (this.#sweepIsDue()) await this.#sweep();
      else if (this.#queue.length === 0) break;
    }
    // In the same step as the look at the queue: who comes later starts new rounds.
    this.#working = null;
  }

  async #commitNext(): Promise<void> {
    const waiting = this.#take();
    const packed = packChanges(waiting.map(({ change }) => change));
    try {
      const request = { type: "commit", ...packed.message } as const;
      const { failures, returned, upkeep } = await this.writer.ask(request, packed.transfer);
      giveBack(packed, returned);
      this.#upkeep = upkeep;
      this.#commitsUnswept += 1;
      const failed = new Map(failures);
      for (const [at, { change, resolve, reject }] of waiting.entries()) {
        const failure = failed.get(at);
        if (change.entries.some(changesRows)) this.#readAhead.forget(change.partition);
        if (failure) reject(this.#noticed(errorOf(failure, change)));
        else resolve();
      }
    } catch (error) {
      const fault = this.#noticed(error);
      for (const { reject } of waiting) reject(fault);
    }
  }

  /** The next commit's changes: all that wait, up to the limits. */
  #take(): Waiting[] {
    let bytes = 0;
    let taken = 0;
    for (const { change } of this.#queue) {
      for (const entry of change.entries)
        if (entry.type === "append") bytes += entry.data.byteLength;
        else if (entry.type === "rewrite")
          for (const { data } of entry.rows) bytes += data.byteLength;
      if (
        taken > 0 &&
        (bytes > this.#limits.commitBytesMax || taken >= this.#limits.commitChangesMax)
      )
        break;
      taken += 1;
    }
    return this.#queue.splice(0, taken);
  }

  #sweepIsDue(): boolean {
    if (!this.#upkeep.sweep || this.#closed || this.#failed) return false;
    return this.#queue.length === 0 || this.#commitsUnswept >= COMMITS_A_SWEEP;
  }

  async #sweep(): Promise<void> {
    this.#commitsUnswept = 0;
    try {
      this.#upkeep = await this.#watched(this.writer.ask({ type: "sweep" }));
    } catch (error) {
      this.#upkeep = { ...this.#upkeep, sweep: false };
      this.#options.logger.warn("could not delete old rows; trying again after the next commit", {
        error,
      });
    }
  }

  #startCheckpoint(): void {
    if (this.#closed || this.#failed) return;
    this.#side ??= this.#openSide();
    this.#checkpointing ??= this.#side
      .ask({ type: "checkpoint" })
      .then((walBytes) => {
        this.#checkpointedBytes = walBytes;
        this.#work();
      })
      .catch((error: unknown) => {
        this.#checkpointing = null;
        this.#options.logger.warn("a checkpoint failed; tried again after the next commit", {
          error: this.#noticed(error),
        });
      });
  }

  async #finishCheckpoint(walBytes: number): Promise<void> {
    this.#checkpointedBytes = null;
    this.#checkpointing = null;
    try {
      // A read that is under way holds what came since it began, and keeps the log from beginning anew. Reads are short: the
      // next ones wait for this.
      const resume = await this.#readers.pause();
      try {
        this.#upkeep = await this.#watched(
          this.writer.ask({ type: "finish-checkpoint", walBytes }),
        );
      } finally {
        resume();
      }
    } catch (error) {
      this.#options.logger.error("a checkpoint failed", { error });
    }
  }

  #openSide(): Channel {
    const channel = new Channel();
    // Answers come in order: a failure to open shows in what is asked next.
    channel.ask({ ...this.#openReader, files: null }).catch(() => {});
    return channel;
  }

  async #watched<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#noticed(error);
    }
  }

  /** Raises the alarm at the first sign that the disk, or a Worker, is lost. */
  #noticed(error: unknown): Error {
    if (error instanceof StorageFault && error.kind !== "io") return error;
    if (error instanceof StorageFault && !this.#failed) {
      this.#failed = true;
      this.#options.logger.error("the disk failed: nothing is written any more", { error });
      this.#options.onFailure?.(error);
    }
    return error instanceof Error ? error : new Error(String(error));
  }

  #refuseClosed(): void {
    if (this.#closed) throw closedFault();
  }
}

function closedFault(): StorageFault {
  return new StorageFault("closed", "the storage is closed");
}
