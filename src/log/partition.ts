/**
 * One partition as its leader keeps it: where the log stands, who writes, who reads, who waits.
 *
 * - Four ends: written, synced, high watermark and last stable offset. Readers see what is below the high watermark; a record
 *   is acknowledged at the written end (acks=1) or at the high watermark (acks=all). The last stable offset is the first of the
 *   oldest open transaction, or the high watermark where none is open.
 * - On a relaxed topic "synced" means written: that is what the topic asked for.
 * - Left out: followers (and with them transactions whose markers lie above the high watermark).
 */
import type { TopicImage } from "../cluster/image.ts";
import { assert } from "../lib/assert.ts";
import { Refusal } from "../lib/refusal.ts";
import type {
  Entry,
  PartitionId,
  PartitionState,
  PutProducers,
  StoredProducer,
} from "../storage/storage.ts";
import {
  type Acks,
  type AppendInput,
  AppendRequest,
  type AppendResult,
} from "./appending/append-request.ts";
import type { BehindLog } from "./producers/behind-logs.ts";
import { Commits } from "./appending/commits.ts";
import { Epochs } from "./epochs.ts";
import { checkEpoch, leaderEpochOf, notLed } from "./leader-epoch.ts";
import { LogChanges } from "./log-changes.ts";
import type { LogNode } from "./log-node.ts";
import { type LogPositions, positionsOf } from "./log-positions.ts";
import type { KeptLog } from "./logs.ts";
import { PartitionProducers } from "./producers/partition-producers.ts";
import { PartitionReceipts } from "./receipts/cache.ts";
import { type LogEnds, type Isolation, ReaderWatchers } from "./reading/reader-watchers.ts";
import { receiptName, type Settled } from "./receipts/receipts.ts";
import { Replicas } from "./replicas.ts";
import { PartitionTail } from "./reading/tail-cache.ts";
import type { TopicConfig } from "./configs/topic-config.ts";
import type { Outcome, Turn } from "./appending/turn.ts";
import { Writer, type WriterHost } from "./appending/writer.ts";

export class Partition implements KeptLog, WriterHost, BehindLog {
  readonly id: PartitionId;
  readonly topicId: string;
  readonly index: number;
  readonly node: LogNode;
  readonly producers: PartitionProducers;
  /** Long polls that stand here. */
  readonly watchers: ReaderWatchers;
  /** The newest rows, in memory. */
  readonly tail = new PartitionTail();
  /** Resolves once the log may be appended to; rejects when storage failed before. */
  readonly begun: Promise<void>;
  #config: TopicConfig;
  #closedBy: Error | null = null;
  readonly #positions: LogPositions;
  /** Where the log goes on after a power cut, until that is written; offsets below may have been handed out. */
  #resumeAt: number | null;
  readonly #epochs: Epochs;
  readonly #replicas: Replicas;
  readonly #commits: Commits;
  readonly #receipts: PartitionReceipts;
  readonly #writer: Writer;
  readonly #changes: LogChanges;

  /** Opens the log as storage has it; after a power cut, or in a copy, it goes on at the reserved end, in a new epoch. */
  constructor(
    node: LogNode,
    state: PartitionState,
    topic: TopicImage,
    producers: readonly StoredProducer[],
  ) {
    this.node = node;
    this.id = state.id;
    this.topicId = state.topicId;
    this.index = state.index;
    this.#config = node.configOf(topic);
    this.watchers = new ReaderWatchers(node.wakes);
    this.producers = new PartitionProducers(node, this, state, producers);
    this.#positions = positionsOf(state, Math.max(state.epoch, leaderEpochOf(topic, state.index)));
    this.#epochs = new Epochs(state.epochs);
    // Where offsets are reserved of a log that never had any, another may have given them.
    const isBorn = state.end > 0 || state.epoch > 0 || state.reservedEnd === 0;
    const mustResume = state.reservedEnd > 0 && (node.storage.powerLost || !isBorn);
    this.#resumeAt = mustResume ? state.reservedEnd : null;
    if (this.#resumeAt !== null) {
      // Readers may know offsets up to there; storage tells of the cut until the new epoch is written.
      Object.assign(this.#positions, { writtenEnd: this.#resumeAt, syncedEnd: this.#resumeAt });
    }
    this.#replicas = new Replicas(this.#positions.syncedEnd);
    const guard = { epoch: state.epoch, end: state.end };
    this.#commits = new Commits(node.storage, this.id, guard, node.logger);
    this.#receipts = new PartitionReceipts({
      partition: this.id,
      empty: state.end === 0,
      storage: node.storage,
      cache: node.receipts,
      deadlines: node.deadlines,
      limits: node.limits,
      nowMs: () => node.clock.nowMs(),
      unqueued: (request) => this.#writer.unqueued(request),
    });
    this.#writer = new Writer(node, this, this.#commits, this.#receipts);
    this.#changes = new LogChanges(this, this.#writer, this.#commits, this.#positions);
    this.begun = this.mustRecover
      ? this.#writer.exclusive(() => this.recover())
      : Promise.resolve();
    this.begun.catch(() => {}); // Whoever appends before it worked hears of it.
  }

  get config(): TopicConfig {
    return this.#config;
  }

  get epoch(): number {
    return this.#positions.epoch;
  }

  get logStart(): number {
    return this.#positions.logStart;
  }

  get writtenEnd(): number {
    return this.#positions.writtenEnd;
  }

  get highWatermark(): number {
    return this.#replicas.highWatermark;
  }

  /** The largest timestamp ever appended, -1 when there is none. */
  get maxTimestamp(): number {
    return this.#positions.maxTimestamp;
  }

  get endPosition(): number {
    return this.#positions.endPosition;
  }

  get startPosition(): number {
    return this.#positions.startPosition;
  }

  get cleanedTo(): number {
    return this.#positions.cleanedTo;
  }

  /** Bytes of log kept. */
  bytes(): number {
    return this.#positions.endPosition - this.#positions.startPosition;
  }

  get closedBy(): Error | null {
    return this.#closedBy;
  }

  ends(): LogEnds {
    const { logStart, epoch } = this.#positions;
    const { highWatermark } = this.#replicas;
    return { logStart, highWatermark, lastStable: this.lastStable, epoch };
  }

  get lastStable(): number {
    return this.producers.lastStable(this.#replicas.highWatermark, this.#positions.logStart);
  }

  /** The epoch in which the record at `offset` was written; the current one at the log's end. */
  epochAt(offset: number): number {
    return this.#epochs.at(offset, this.#positions.epoch, this.#positions.writtenEnd);
  }

  /** The largest epoch known up to `epoch`, and where it ends; -1 for both where it is newer than this leader's. */
  endOfEpoch(epoch: number): { epoch: number; endOffset: number } {
    const { logStart, writtenEnd } = this.#positions;
    return this.#epochs.endOf(epoch, this.#positions.epoch, { start: logStart, end: writtenEnd });
  }

  /** Refuses with fenced_leader_epoch or unknown_leader_epoch what a client believes that is not so. */
  checkEpoch(believed: number): void {
    checkEpoch(believed, this.#positions.epoch);
  }

  /** Where readers of this isolation must stop. */
  readableEnd(isolation: Isolation): number {
    return isolation === "read_committed" ? this.lastStable : this.#replicas.highWatermark;
  }

  /** Whether it is known which transactions are open: not at a start, until the newest batches have been read back. */
  get isStableKnown(): boolean {
    return this.producers.memory.knownEnd >= this.#replicas.highWatermark;
  }

  /** Resolves once it is known. Throws StorageFault, or what closed the partition. */
  whenStableKnown(): Promise<void> {
    return this.#writer.exclusive(async () => {
      if (this.#closedBy) throw this.#closedBy;
      await this.#learn();
    });
  }

  /**
   * Appends as the leader of `epoch`; resolves as `acks` asks (acks=0: at once, with offset -1).
   * @throws Refusal, or StorageFault that says whether the records may be there all the same.
   */
  appendAsLeader(epoch: number, input: AppendInput): Promise<AppendResult> {
    this.checkTakes(input.acks);
    checkEpoch(epoch, this.#positions.epoch);
    const request = new AppendRequest(input, this.#config, this.node.opening);
    this.#writer.append(request);
    if (input.acks !== 0) return request.answered;
    request.answered.catch((error) => {
      this.node.logger.debug("an append that nobody waited for failed", { error });
    });
    return Promise.resolve(request.unwritten(this.#positions.logStart));
  }

  /** Refuses what an append would be refused for whatever its records. */
  checkTakes(acks: Acks): void {
    if (this.#closedBy) throw this.#closedBy;
    if (acks === -1 && this.#config.inSyncReplicasMin > this.#replicas.inSync) {
      throw new Refusal(
        "not_enough_replicas",
        `acks=all needs ${this.#config.inSyncReplicasMin} in-sync replicas (min.insync.replicas); there is ${this.#replicas.inSync}.`,
      );
    }
  }

  /** What a request with this idempotency key was answered with; null where none is known. Throws StorageFault. */
  async receiptOf(key: string): Promise<Settled | null> {
    if (this.#closedBy) throw this.#closedBy;
    const receipt = await this.#receipts.find(receiptName({ type: "key", key }));
    return receipt?.type === "key" ? receipt.settled : null;
  }

  /** Moves the log start up to `before`, at most to the high watermark, and gives the new one. */
  trim(before: number): Promise<number> {
    return this.#changes.trim(before);
  }

  /**
   * Applies what compaction makes of rows that it read while the log started at `logStart` (null: whatever it was); false
   * when the log has been trimmed since, and nothing was changed.
   * @throws StorageFault, of unknown outcome too; Refusal when the partition is closed or led by another.
   */
  rewrite(logStart: number | null, entries: readonly Entry[]): Promise<boolean> {
    return this.#changes.rewrite(logStart, entries);
  }

  /** Brings storage up with the producers, without an append; those silent since before `beforeMs` are forgotten first. */
  storeProducers(beforeMs = -Infinity): Promise<void> {
    return this.#changes.storeProducers(beforeMs);
  }

  refresh(topic: TopicImage): void {
    this.#config = this.node.configOf(topic);
    const epoch = leaderEpochOf(topic, this.index);
    if (epoch <= this.#positions.epoch) return;
    this.#positions.epoch = epoch;
    this.#commits.unfence();
    this.watchers.changed();
  }

  close(): void {
    this.#closedBy = new Refusal(
      "unknown_topic_or_partition",
      "The topic was deleted while the request was under way.",
    );
    this.#receipts.close(this.#closedBy);
    this.node.cache.clear(this.tail);
    this.producers.close();
    this.watchers.changed();
  }

  get mustRecover(): boolean {
    const unknown = this.producers.memory.knownEnd < this.#positions.writtenEnd;
    return this.#resumeAt !== null || this.#commits.inDoubt || unknown;
  }

  async recover(): Promise<void> {
    if (this.#resumeAt !== null || this.#commits.inDoubt) await this.#reread();
    await this.#learn();
  }

  /** Reads back what the newest batches say of producers, where memory does not know it. */
  async #learn(): Promise<void> {
    const { writtenEnd } = this.#positions;
    if (this.producers.memory.knownEnd >= writtenEnd) return;
    const bounds = await this.node.storage.bounds(this.id);
    if (!bounds) throw this.#closedBy ?? notLed();
    await this.producers.learn(bounds, writtenEnd);
    this.watchers.stableMayHaveMoved();
  }

  async #reread(): Promise<void> {
    const durability = this.#config.relaxed ? "written" : "synced";
    const bounds = await this.#commits.reread(this.#positions.epoch, durability);
    const positions = positionsOf(bounds, Math.max(bounds.epoch, this.#positions.epoch));
    if (this.#resumeAt !== null) await this.#resume(positions, this.#resumeAt);
    assert(positions.writtenEnd >= this.#replicas.highWatermark, "what was acknowledged is kept");
    this.node.cache.clear(this.tail);
    this.#receipts.forget();
    const ends = this.ends();
    const before = this.#positions.endPosition;
    Object.assign(this.#positions, positions);
    this.#moveWatermark(positions.syncedEnd, ends, positions.endPosition - before);
  }

  /** Begins an epoch past everything that may have been handed out before the power cut. */
  async #resume(positions: LogPositions, start: number): Promise<void> {
    const epoch = positions.epoch + 1;
    await this.#commits.commit([{ type: "begin", epoch, start }], { epoch, end: start }, "synced");
    Object.assign(positions, { epoch, writtenEnd: start, syncedEnd: start });
    this.#epochs.began(epoch, start);
    this.#resumeAt = null;
  }

  committed(turn: Turn, due: PutProducers | null): void {
    const positions = this.#positions;
    const before = positions.endPosition;
    this.#epochs.began(turn.start.epoch, turn.start.end);
    const ends = this.ends();
    for (const { base, last, epoch, maxTimestamp, data } of turn.appends) {
      const row = { base, last, epoch, position: positions.endPosition, data };
      if (!this.#closedBy) this.node.cache.add(this.tail, row);
      positions.endPosition += data.byteLength;
      positions.maxTimestamp = Math.max(positions.maxTimestamp, maxTimestamp);
    }
    positions.writtenEnd = turn.end;
    positions.syncedEnd = turn.end;
    const bytes = positions.endPosition - before;
    if (!this.#closedBy) this.producers.settled(turn, due, bytes);
    this.#moveWatermark(turn.end, ends, bytes);
  }

  settle({ type, request, settled }: Exclude<Outcome, { type: "refused" }>): void {
    const { logStart } = this.#positions;
    const result = { ...settled, logStart, duplicate: type === "duplicate" };
    const end = settled.baseOffset + settled.count;
    const early = request.input.acks !== -1 || end <= this.#replicas.highWatermark;
    if (early) request.resolve(result);
    else this.#replicas.settled(end, () => request.resolve(result));
  }

  #moveWatermark(end: number, before: LogEnds, bytes: number): void {
    this.#replicas.localSynced(end);
    this.watchers.advanced(before, this.ends(), bytes);
  }
}
