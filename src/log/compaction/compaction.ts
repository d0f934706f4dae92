/**
 * Compaction of one log: of each key the newest record stays, and the offsets stay what they are (Kafka's Cleaner).
 *
 * - First the dirty part is read and the newest offset of each key remembered (`key-map.ts`), then everything from the log's
 *   start is read again and what is older goes. When the map is full the pass ends at the last record that it knows.
 * - Tombstones stay until their batch's delete horizon, which the first pass over the whole batch sets: that pass takes what is
 *   older of their keys, in the same commit or before. So they may go whatever the log is marked as, as in Kafka.
 * - A batch is rebuilt with its codec; emptied, it goes, unless it is the last of a producer that is still known. What was
 *   aborted goes (`cleaned-transactions.ts`).
 * - Rows are replaced in bounded steps, ascending, each in one commit: a crash leaves rows of old and new, which read alike,
 *   and the next pass begins anew. At the end positions are packed and the log is marked as cleaned.
 * - A step is given up when the log start has moved since its rows were read; the pass goes on behind it.
 */
import { deleteHorizonOf, filterBatch } from "../../records/batch-filter.ts";
import { keyOf, visitRecords } from "../../records/batch-visit.ts";
import type { RecordWalk } from "../../records/record-walk.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type BatchHeader, walkBatches } from "../../records/batch.ts";
import type { Entry, RewrittenRow, Row } from "../../storage/storage.ts";
import { DECOMPRESSED_BYTES_MAX } from "../opening.ts";
import type { Cleanable } from "./cleanable.ts";
import { CleanedTransactions } from "./cleaned-transactions.ts";
import { KeyMap } from "./key-map.ts";
import type { Partition } from "../partition.ts";
import { RowBuilder } from "../appending/row-builder.ts";

/** Read, and replaced, in one step. */
const STEP_BYTES = 2 * 1024 * 1024;
/** An untouched row of this size is worth more than the copy that joining it to its neighbours costs. */
const LARGE_ROW_BYTES = 64 * 1024;
/** Rows whose positions one commit moves. */
const PACKED_ROWS = 500;
/** How long the event loop is kept at most. */
const SLICE_MS = 5;

export interface Compacted {
  /** How far the log is clean now. */
  readonly to: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * One pass over the log; `stopped` is asked between steps. Null when it was stopped or the log went away.
 * @throws StorageFault; Refusal corrupt_message for a batch that cannot be read.
 */
export async function compact(
  partition: Partition,
  range: Cleanable,
  nowMs: number,
  stopped: () => boolean,
): Promise<Compacted | null> {
  return new Pass(partition, range, nowMs, stopped).run();
}

class Pass {
  readonly #partition: Partition;
  readonly #range: Cleanable;
  readonly #nowMs: number;
  readonly #stopped: () => boolean;
  readonly #keys: KeyMap;
  /** Records from here on are not in the map, and stay. */
  #mappedTo: number;
  #sliceEndsMs: number;
  /** How records are gone through. */
  readonly #records = {
    decompressedBytesMax: DECOMPRESSED_BYTES_MAX,
    pause: () => this.#pause(),
  };
  readonly #startedAt: number;
  readonly #transactions: CleanedTransactions;
  /** The last offset of every `PACKED_ROWS`th row. */
  readonly #packTo: number[] = [];
  #rowsSeen = 0;

  constructor(partition: Partition, range: Cleanable, nowMs: number, stopped: () => boolean) {
    this.#partition = partition;
    this.#range = range;
    this.#nowMs = nowMs;
    this.#stopped = stopped;
    this.#startedAt = partition.logStart;
    this.#transactions = new CleanedTransactions(partition);
    this.#keys = new KeyMap(range.end - range.dirtyFrom, partition.node.limits.cleanerBufferBytes);
    this.#mappedTo = range.dirtyFrom;
    this.#sliceEndsMs = partition.node.clock.monotonicMs() + SLICE_MS;
  }

  async run(): Promise<Compacted | null> {
    const bytesBefore = this.#partition.bytes();
    await this.#mapKeys();
    if (this.#mappedTo <= this.#range.dirtyFrom) return null;
    if (!(await this.#rewriteRows())) return null;
    if (!(await this.#pack())) return null;
    return { to: this.#mappedTo, bytesBefore, bytesAfter: this.#partition.bytes() };
  }

  /** Reads the dirty part and remembers the newest offset of each key, until the end or until the map is full. */
  async #mapKeys(): Promise<void> {
    const { dirtyFrom, end } = this.#range;
    for (let from = dirtyFrom; from < end && !this.#stopped();) {
      const rows = await this.#step(from);
      await this.#transactions.look(rows);
      for (const row of rows) {
        for (const { at, header } of walkBatches(row.data)) {
          const last = header.baseOffset + header.lastOffsetDelta;
          if (last < dirtyFrom) continue;
          if (!(await this.#mapBatch(row.data, at, header))) return;
          this.#mappedTo = Math.min(last + 1, end);
        }
      }
      const last = rows.at(-1)?.last;
      if (last === undefined) return;
      from = last + 1;
    }
  }

  /** False when the map is full: then it knows what `#mappedTo` says. */
  async #mapBatch(data: Uint8Array, at: number, header: BatchHeader): Promise<boolean> {
    if (header.control || this.#transactions.isAborted(header)) return true;
    const visit = (walk: RecordWalk) => {
      const offset = header.baseOffset + walk.offsetDelta;
      const key = keyOf(walk);
      if (offset < this.#range.dirtyFrom) return true;
      if (key !== null && !this.#keys.put(key, offset)) return false;
      this.#mappedTo = offset + 1;
      return true;
    };
    return located(header, visitRecords(data, at, header, visit, this.#records));
  }

  /** Replaces the rows that lose something, a step at a time. */
  async #rewriteRows(): Promise<boolean> {
    const partition = this.#partition;
    let from = partition.logStart;
    while (from < this.#mappedTo) {
      if (this.#stopped() || partition.closedBy) return false;
      const { logStart } = partition;
      const rows = await this.#step(from);
      const [first] = rows;
      if (!first) break;
      const step = new Step();
      await this.#transactions.look(rows);
      for (const row of rows) {
        const batches = await this.#filtered(row);
        step.add(row, batches);
        this.#count(row);
      }
      const entries = [...step.finish(), ...this.#transactions.forgotten()];
      if (entries.length > 0 && !(await partition.rewrite(logStart, entries))) {
        from = Math.max(from, partition.logStart);
        continue;
      }
      from = (rows.at(-1)?.last ?? from) + 1;
    }
    return true;
  }

  /** Makes positions and sizes exact again, the newest rows first, and marks the log as cleaned. */
  async #pack(): Promise<boolean> {
    const partition = this.#partition;
    for (let index = this.#packTo.length - 1; index >= 0; index -= 1) {
      if (this.#stopped() || partition.closedBy) return false;
      const from = (this.#packTo[index - 1] ?? this.#startedAt - 1) + 1;
      const to = this.#packTo[index] ?? from;
      await partition.rewrite(null, [{ type: "pack", from, to }]);
      await this.#pause();
    }
    return partition.rewrite(null, [{ type: "cleaned", to: this.#mappedTo }]);
  }

  #count({ last }: Row): void {
    if (this.#rowsSeen % PACKED_ROWS === 0) this.#packTo.push(last);
    else this.#packTo[this.#packTo.length - 1] = last;
    this.#rowsSeen += 1;
  }

  /** The row's batches as they stay, null for a row that stays as it is. */
  async #filtered(row: Row): Promise<readonly Uint8Array[] | null> {
    const batches: Uint8Array[] = [];
    let changed = false;
    for (const { at, header } of walkBatches(row.data)) {
      const filtered = await this.#filterBatch(row.data, at, header);
      changed ||= filtered !== "same";
      if (filtered === "same") batches.push(row.data.subarray(at, at + header.sizeBytes));
      else if (filtered !== "gone") batches.push(filtered);
    }
    return changed ? batches : null;
  }

  async #filterBatch(
    data: Uint8Array,
    at: number,
    header: BatchHeader,
  ): Promise<Uint8Array | "same" | "gone"> {
    if (header.baseOffset >= this.#mappedTo) return "same";
    const marker = this.#transactions.pass(header);
    const horizonMs = deleteHorizonOf(header);
    const isDeletable = horizonMs !== null && horizonMs <= this.#nowMs;
    // Of keys further on older records stay in this pass: their tombstones' time has not begun.
    const isMapped = header.baseOffset + header.lastOffsetDelta < this.#mappedTo;
    if (marker === "spent" && isDeletable) this.#transactions.forget(header);
    const isAborted = this.#transactions.isAborted(header);
    await this.#pause();
    const filtered = filterBatch(data, at, header, {
      keep: (offset, key, tombstone) => {
        if (header.control) return !(marker === "spent" && isDeletable);
        if (isAborted) return false;
        if (key === null || offset < this.#keys.newest(key)) return false;
        return !(tombstone && isDeletable);
      },
      keepEmpty: this.#transactions.isLastOfProducer(header),
      horizonMs: isMapped ? this.#nowMs + this.#partition.config.deleteRetentionMs : null,
      marker: marker === "spent",
      ...this.#records,
    });
    return located(header, filtered);
  }

  /** Rows of one step that lie wholly below the cleanable end; never the log's newest. */
  async #step(from: number): Promise<readonly Row[]> {
    const { storage } = this.#partition.node;
    const { rows } = await storage.read(this.#partition.id, from, STEP_BYTES);
    const below = rows.filter(({ last }) => last < this.#range.end);
    if (below.length < rows.length) return below;
    const last = below.at(-1)?.last;
    if (last === undefined) return below;
    const next = await storage.locate(this.#partition.id, { offset: last + 1 });
    return next ? below : below.slice(0, -1);
  }

  /** Gives others their turn once this one has lasted. */
  async #pause(): Promise<void> {
    const { clock } = this.#partition.node;
    if (clock.monotonicMs() < this.#sliceEndsMs) return;
    await clock.turn();
    this.#sliceEndsMs = clock.monotonicMs() + SLICE_MS;
  }
}

/** Gathers neighbouring rows that lose something, or are small, into the rows that take their place. */
class Step {
  readonly #entries: Entry[] = [];
  #old: Row[] = [];
  #batches: { readonly epoch: number; readonly data: Uint8Array }[] = [];
  #changed = false;

  add(row: Row, batches: readonly Uint8Array[] | null): void {
    if (batches === null && row.data.byteLength >= LARGE_ROW_BYTES) return this.#flush();
    this.#changed ||= batches !== null;
    this.#old.push(row);
    for (const data of batches ?? batchesOf(row)) this.#batches.push({ epoch: row.epoch, data });
  }

  finish(): readonly Entry[] {
    this.#flush();
    return this.#entries;
  }

  #flush(): void {
    const old = this.#old;
    const rows = rowsOf(this.#batches);
    const [first] = old;
    const last = old.at(-1);
    if (first && last && (this.#changed || rows.length * 2 <= old.length)) {
      const range = { from: first.base, to: last.last, replaced: old.length };
      this.#entries.push({ type: "rewrite", ...range, rows });
    }
    this.#old = [];
    this.#batches = [];
    this.#changed = false;
  }
}

function* batchesOf({ data }: Row): Iterable<Uint8Array> {
  for (const { at, header } of walkBatches(data)) yield data.subarray(at, at + header.sizeBytes);
}

/** Grouped as appends are; a row never spans leader epochs. */
function rowsOf(
  batches: readonly { readonly epoch: number; readonly data: Uint8Array }[],
): RewrittenRow[] {
  const rows: RewrittenRow[] = [];
  let builder: RowBuilder | null = null;
  let builderEpoch = -1;
  for (const { epoch, data } of batches) {
    if (epoch !== builderEpoch) {
      rows.push(...(builder?.finish() ?? []));
      builder = new RowBuilder(epoch);
      builderEpoch = epoch;
    }
    for (const { header } of walkBatches(data)) {
      const last = header.baseOffset + header.lastOffsetDelta;
      const { baseOffset: base, maxTimestamp, producerId } = header;
      builder?.add({ base, last, maxTimestamp, produced: producerId >= 0n, data });
    }
  }
  rows.push(...(builder?.finish() ?? []));
  return rows;
}

/** What a damaged batch is told with where it lies: nothing of the log is compacted then, since its keys are not known. */
async function located<T>({ baseOffset }: BatchHeader, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, `The batch at offset ${baseOffset} is damaged: ${error.message}`);
  }
}
