/**
 * `log.db` as its writer opens it: the folder's lock, the file, the mark of a clean end, and what each request does.
 *
 * - A start on a full disk writes nothing: the mark that a process is at work waits for room, and until it stands nothing else
 *   is written. Reads need no mark.
 */
import { statfsSync, statSync } from "node:fs";
import type Database from "libsql";
import { type CommitMessage, unpackChanges } from "../messages/commit.ts";
import { failureOf } from "../messages/failure.ts";
import { checkpoint } from "../files/checkpoint.ts";
import { type FolderLock, lockFolder } from "../files/lock.ts";
import type {
  Answer,
  Answers,
  OpenWriter,
  Opened,
  Upkeep,
  WriterRequest,
} from "../messages/messages.ts";
import { LOG_PAGE_BYTES, openDatabase, pragma } from "../files/open.ts";
import { refuseLostTables, refuseMixedPages } from "../files/lost-tables.ts";
import { blob, int64, integer } from "../sql/prepared.ts";
import { fullDisk, type Shortage, whyFull } from "../files/full-disk.ts";
import { isFull } from "../files/sqlite-error.ts";
import { findWalDamage } from "../files/wal-damage.ts";
import {
  type Bounds,
  type Change,
  type PartitionId,
  StorageFault,
  type StoredProducer,
} from "../storage.ts";
import { RunMark } from "./run-mark.ts";
import { RECEIPTS_FORGOTTEN_MAX, Sweeper } from "./sweeper.ts";
import { WalGrowth } from "./wal-growth.ts";
import { openWalSync, type WalSync } from "./wal-sync.ts";
import { Writer } from "./writer.ts";

const CACHE_BYTES = 16 * 1024 * 1024;
const BUSY_MS = 5_000;
/** Growth of the write-ahead log at which a checkpoint is asked for. */
const CHECKPOINT_BYTES_MAX = 16 * 1024 * 1024;
/** At so many times that growth, commits wait for it. */
const OVERDUE_CHECKPOINTS = 1.5;
/** On a small volume this share of it takes the place of larger numbers. */
const VOLUME_SHARE = 1 / 8;
/** About what a step of sweeping adds to it: pages of tables and indexes, free lists, moved pages. */
const SWEEP_GROWTH_BYTES = 1024 * 1024;
/** Pages that a commit writes for one partition beside its data: its place in the tables and their indexes. */
const PAGES_A_PARTITION = 4;
/** What a stored producer adds, about: one that is alone on its page costs more, but seldom are there many of those. */
const PRODUCER_BYTES = 1024;
/** In which the system counts what a file has of the disk: holes in it are still to be filled. */
const STAT_BLOCK_BYTES = 512;

export class LogFile {
  readonly opened: Opened;
  readonly #directory: string;
  readonly #lock: FolderLock;
  readonly #database: Database.Database;
  readonly #writer: Writer;
  readonly #sweeper: Sweeper;
  readonly #walSync: WalSync | null;
  readonly #mark: RunMark;
  readonly #freeBytesMin: number;
  readonly #checkpointBytes: number;
  readonly #wal = new WalGrowth();
  readonly #walPath: string;
  /** Room that the last commit did not find, 0 where it had some: all that can be given back is, until there is as much. */
  #wantedBytes = 0;

  constructor({ directory, holder, bootId, freeBytesMin }: OpenWriter) {
    this.#directory = directory;
    this.#walPath = `${directory}/log.db-wal`;
    const { blocks, bsize } = statfsSync(directory);
    const share = blocks * bsize * VOLUME_SHARE;
    this.#freeBytesMin = Math.min(share, freeBytesMin);
    this.#checkpointBytes = Math.min(share, CHECKPOINT_BYTES_MAX);
    this.#lock = lockFolder(directory, holder);
    try {
      const path = `${directory}/log.db`;
      const lost = findWalDamage(this.#walPath, LOG_PAGE_BYTES);
      refuseLostTables(directory, BUSY_MS);
      if (lost) refuseMixedPages(directory, BUSY_MS);
      const { database, indexInMemory } = openDatabase({
        path,
        kind: "log",
        pageBytes: LOG_PAGE_BYTES,
        cacheBytes: CACHE_BYTES,
        busyMs: BUSY_MS,
      });
      this.#database = database;
      this.#writer = new Writer(this.#database);
      this.#sweeper = new Sweeper(this.#writer, this.#database);
      this.#mark = new RunMark(
        this.#writer,
        this.#walPath,
        { bootId, startedMs: holder.startedMs },
        lost,
      );
      // What lies behind the damage would be told, and stepped over, at the next start again.
      if (lost) unlessFull(() => this.#database.exec("pragma wal_checkpoint(truncate)"));
      this.#walSync = openWalSync(directory);
      if (this.#walSync) this.#writer.syncBy(this.#walSync.sync);
      this.opened = {
        powerLost: this.#mark.powerLost,
        lost,
        cut: this.#mark.cut,
        unnamed: this.#writer.table.unnamed,
        isFull: !this.#mark.stands,
        indexInMemory,
        upkeep: this.#upkeep(),
      };
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  get hasLogs(): boolean {
    return [...this.#writer.table.ids()].length > 0;
  }

  answer(request: WriterRequest): Answer<Answers[WriterRequest["type"]]> {
    const fault = writes(request) ? this.#mark.faultBeforeWriting() : null;
    if (fault && request.type !== "commit") throw fault;
    switch (request.type) {
      case "commit":
        return this.#commit(request, fault);
      case "create":
        return {
          value: this.#writer.create(request.keys, (topic) => this.#mark.reservedAtBirth(topic)),
        };
      case "drop": {
        const left = this.#writer.drop(request.partitions);
        return { value: { left, upkeep: this.#upkeep() } };
      }
      case "partitions":
        return {
          value: [...this.#writer.table.ids()].map((id) => this.#writer.table.describe(id)),
        };
      case "producers":
        return { value: this.#producers() };
      case "resumed":
        this.#mark.resumed();
        return { value: null };
      case "bounds":
        return { value: this.#bounds(request.partition) };
      case "forget":
        return { value: this.#forget(request.nowMs) };
      case "stats":
        return { value: this.#stats() };
      case "sweep":
        if (!this.#makeWay(SWEEP_GROWTH_BYTES))
          return { value: { ...this.#upkeep(), sweep: false } };
        this.#sweeper.sweep(this.#isShort());
        this.#wal.grew(SWEEP_GROWTH_BYTES);
        return { value: this.#upkeep() };
      case "finish-checkpoint":
        this.#wal.seen(request.walBytes);
        this.#finishCheckpoint();
        return { value: this.#upkeep() };
      case "close":
        this.#close();
        return { value: null };
      default:
        return request satisfies never;
    }
  }

  /** With `unmarked` nothing may be written: every change fails with it. */
  #commit(message: CommitMessage, unmarked: StorageFault | null): Answer<Answers["commit"]> {
    const changes = unpackChanges(message);
    const growth = growthOf(changes);
    this.#wantedBytes = this.#hasRoom(growth) ? 0 : Math.max(growth, SWEEP_GROWTH_BYTES);
    if (this.#wantedBytes > 0) this.#makeWay(growth);
    const full = this.#wantedBytes > 0 ? fullDisk(this.#shortage()) : null;
    const failures = unmarked
      ? changes.map((_, at) => [at, failureOf(full ?? unmarked)] as const)
      : [...this.#writer.commit(changes, full)];
    const failed = new Set(failures.map(([at]) => at));
    this.#wal.grew(
      failed.size === 0 ? growth : growthOf(changes.filter((_, at) => !failed.has(at))),
    );
    if (changes.some(({ entries }) => entries.some(({ type }) => type === "rewrite")))
      this.#sweeper.freed();
    const returned = message.large;
    const transfer = returned.flatMap(({ buffer }) =>
      buffer instanceof ArrayBuffer ? [buffer] : [],
    );
    return { value: { failures, returned, upkeep: this.#upkeep() }, transfer };
  }

  /** A step of forgetting, and a checkpoint where nobody else would ask for one: there may be no commits. */
  #forget(nowMs: number): boolean {
    const more = this.#sweeper.forget(nowMs);
    this.#wal.grew(RECEIPTS_FORGOTTEN_MAX * LOG_PAGE_BYTES);
    if (more && this.#upkeep().checkpoint === "overdue") this.#finishCheckpoint();
    return more;
  }

  #upkeep(): Upkeep {
    const isShort = this.#isShort();
    // What the write-ahead log holds is then worth copying back at once.
    const due = isShort
      ? Math.min(SWEEP_GROWTH_BYTES, this.#checkpointBytes)
      : this.#checkpointBytes;
    const growth = this.#wal.bytes;
    if (growth >= due) this.#wal.asked();
    const overdue = growth >= OVERDUE_CHECKPOINTS * this.#checkpointBytes;
    return {
      sweep: this.#sweeper.hasMore(isShort),
      checkpoint: overdue ? "overdue" : growth >= due ? "due" : "none",
    };
  }

  #bounds(partition: PartitionId): Bounds | null {
    const state = this.#writer.table.state(partition);
    if (!state) return null;
    const { epochs: _epochs, ...bounds } = state;
    return bounds;
  }

  #producers(): Answers["producers"] {
    const found = new Map<PartitionId, StoredProducer[]>();
    for (const row of this.#writer.sql.listProducers.all({})) {
      const partition = integer(row.partition);
      // Dropped ones are still to be swept.
      if (!this.#writer.table.state(partition)) continue;
      const producer = {
        id: int64(row.producerId),
        epoch: integer(row.epoch),
        coordinatorEpoch: integer(row.coordinatorEpoch),
        lastTimestamp: integer(row.lastTimestamp),
        transactionStart: integer(row.transactionStart),
        batches: blob(row.batches),
      };
      const known = found.get(partition);
      if (known) known.push(producer);
      else found.set(partition, [producer]);
    }
    return found;
  }

  #stats(): Answers["stats"] {
    const pages = integer(pragma(this.#database, "page_count"));
    return {
      databaseBytes: pages * LOG_PAGE_BYTES,
      walBytes: this.#walBytes(),
      freeBytes: this.#freeBytes(),
      refusing: this.#hasRoom(0) ? null : whyFull(this.#shortage()),
      commits: this.#writer.commits,
      syncs: this.#writer.syncs,
    };
  }

  /**
   * Whether so much may be written: to the write-ahead log now and to the file later. What the log holds already must fit
   * into the file too, or nothing could ever be deleted again. Free pages in the file count as room in it.
   */
  #hasRoom(growthBytes: number): boolean {
    const free = this.#freeBytes();
    const needed = this.#freeBytesMin + this.#wal.bytes + 2 * growthBytes;
    if (free >= needed + 2 * OVERDUE_CHECKPOINTS * this.#checkpointBytes) return true;
    // Closer to the end what is estimated does not do.
    if (free < 2 * growthBytes + this.#behindBytes()) return false;
    return free >= needed || free + this.#sweeper.countFreeBytes() >= needed;
  }

  /** What the file will be longer by once the write-ahead log is copied back: without room for that, nothing could be again. */
  #behindBytes(): number {
    const pages = integer(pragma(this.#database, "page_count"));
    const { blocks } = statSync(`${this.#directory}/log.db`);
    const most = this.#walBytes();
    return Math.min(Math.max(0, pages * LOG_PAGE_BYTES - blocks * STAT_BLOCK_BYTES), most);
  }

  #walBytes(): number {
    return statSync(this.#walPath, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * Before what is done on a full disk too and would take the last room: copies the write-ahead log back, so that it begins anew
   * in its own place. False where somebody reads what it holds, and there is no room beside.
   */
  #makeWay(growthBytes: number): boolean {
    if (this.#freeBytes() >= this.#behindBytes() + growthBytes) return true;
    let isWhole = false;
    unlessFull(() => (isWhole = this.#finishCheckpoint()));
    return isWhole || this.#freeBytes() >= this.#behindBytes() + growthBytes;
  }

  #isShort(): boolean {
    return this.#wantedBytes > 0 && !this.#hasRoom(this.#wantedBytes);
  }

  #shortage(): Shortage {
    return {
      directory: this.#directory,
      freeBytes: this.#freeBytes(),
      reserveBytes: this.#freeBytesMin,
      walBytes: this.#wal.bytes,
    };
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    return bavail * bsize;
  }

  /** The checkpointer has copied most pages; once none is left the next commit begins the write-ahead log anew. */
  #finishCheckpoint(): boolean {
    const { isWhole } = checkpoint(this.#database);
    // Somebody else holds the rest (a backup, a person with a SQLite tool): asked again after another sixteenth.
    if (isWhole) this.#wal.copied();
    else this.#wal.kept(this.#checkpointBytes * (1 - 1 / 16));
    return isWhole;
  }

  /** On a full disk the mark may stay: the next start proves the ends of the logs. */
  #close(): void {
    try {
      unlessFull(() => this.#mark.takeAway());
      unlessFull(() => this.#database.exec("pragma wal_checkpoint(truncate)"));
    } finally {
      this.#walSync?.close();
      this.#database.close();
      this.#lock.release();
    }
  }
}

/** Requests that change the file; of the others `resumed` and `close` leave marks of their own. */
function writes({ type }: WriterRequest): boolean {
  return (
    type === "commit" ||
    type === "create" ||
    type === "drop" ||
    type === "forget" ||
    type === "sweep"
  );
}

/** Does it where there is room. */
function unlessFull(work: () => void): void {
  try {
    work();
  } catch (error) {
    const isShort = error instanceof StorageFault ? error.kind === "full" : isFull(error);
    if (!isShort) throw error;
  }
}

function growthOf(changes: readonly Change[]): number {
  let bytes = LOG_PAGE_BYTES;
  for (const { entries } of changes) {
    bytes += PAGES_A_PARTITION * LOG_PAGE_BYTES;
    for (const entry of entries) {
      if (entry.type === "append") bytes += entry.data.byteLength;
      if (entry.type === "rewrite")
        for (const { data } of entry.rows) bytes += data.byteLength + LOG_PAGE_BYTES;
      // Keys are scattered over their index: each writes a page of its own.
      if (entry.type === "receipt") bytes += LOG_PAGE_BYTES;
      if (entry.type === "producers")
        bytes += LOG_PAGE_BYTES + (entry.changed.length + entry.gone.length) * PRODUCER_BYTES;
      if (entry.type === "aborted") bytes += LOG_PAGE_BYTES;
    }
  }
  return bytes;
}
