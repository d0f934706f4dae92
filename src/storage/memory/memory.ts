/**
 * Storage in memory: the reference that the file is held against, and what simulation runs on.
 *
 * - Same rules, no concurrency but microtasks: what waits when the writer's turn comes shares one commit, in the order it
 *   came; a change whose guard fails is left out and the others go on.
 * - After an I/O error nothing is written again until it is opened anew, as on a real disk.
 * - Appended buffers are cut off from their other views as a transfer to a Worker would (`Append.data`).
 */
import { assert } from "../../lib/assert.ts";
import { holds } from "../log-state.ts";
import { MemoryDisk } from "./disk.ts";
import type { ImagePartition, Operation } from "./image.ts";
import {
  ABORTED_READ_MAX,
  type AbortedTransaction,
  type Bounds,
  type Change,
  type Entry,
  Fenced,
  type PartitionId,
  type PartitionKey,
  type PartitionState,
  type Place,
  type ReadRows,
  type Receipt,
  type Row,
  type RowHead,
  type Storage,
  StorageFault,
  type StorageStats,
  type StoredProducer,
  TRANSFER_BYTES_MIN,
  CREATE_PARTITIONS_MAX,
} from "../storage.ts";

export interface MemoryStorageOptions {
  /** Waits for the writer's turn: a microtask unless told otherwise; simulation puts its scheduler here. */
  readonly writerTurn?: () => Promise<void>;
}

/** Opens a storage on this disk; throws when another one has it open. */
export function memoryStorage(
  disk: MemoryDisk = new MemoryDisk(),
  { writerTurn = () => Promise.resolve() }: MemoryStorageOptions = {},
): Storage {
  return new MemoryStorage(disk, writerTurn);
}

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

class MemoryStorage implements Storage {
  readonly powerLost: boolean;
  readonly #disk: MemoryDisk;
  readonly #generation: number;
  readonly #writerTurn: () => Promise<void>;
  #queue: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #closed = false;
  #broken = false;

  constructor(disk: MemoryDisk, writerTurn: () => Promise<void>) {
    const { generation, powerLost } = disk.open();
    this.#disk = disk;
    this.#generation = generation;
    this.#writerTurn = writerTurn;
    this.powerLost = powerLost;
  }

  async resumed(): Promise<void> {
    await this.#alive();
    this.#disk.resumed();
  }

  async partitions(): Promise<PartitionState[]> {
    await this.#alive();
    return [...this.#disk.image.partitions].map(([id, partition]) => stateOf(id, partition));
  }

  async producers(): Promise<ReadonlyMap<PartitionId, readonly StoredProducer[]>> {
    await this.#alive();
    const found = new Map<PartitionId, readonly StoredProducer[]>();
    for (const [id, { producers }] of this.#disk.image.partitions)
      if (producers.size > 0) found.set(id, [...producers.values()]);
    return found;
  }

  async create(keys: readonly PartitionKey[]): Promise<PartitionState[]> {
    assert(keys.length <= CREATE_PARTITIONS_MAX, "partitions are created in bounded steps");
    await this.#alive();
    for (const key of keys)
      if (!this.#find(key)) this.#write([{ type: "create", key: { ...key } }], true);
    return keys.map((key) => {
      const found = this.#find(key);
      assert(found, "the partition was created above");
      return stateOf(...found);
    });
  }

  async drop(partitions: readonly PartitionId[]): Promise<void> {
    await this.#alive();
    this.#write(
      partitions.map((partition) => ({ type: "drop", partition })),
      true,
    );
  }

  commit(change: Change): Promise<void> {
    if (this.#closed) return Promise.reject(new StorageFault("closed", "the storage is closed"));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#queue.push({ change: lend(change), resolve, reject });
    this.#writing ??= this.#drain();
    return promise;
  }

  async bounds(partition: PartitionId): Promise<Bounds | null> {
    const found = await this.#partition(partition);
    if (!found) return null;
    const { epochs: _epochs, ...bounds } = found.state;
    return bounds;
  }

  async read(
    partition: PartitionId,
    from: number,
    bytesMax: number,
    firstBytesMax = Infinity,
  ): Promise<ReadRows> {
    const found = await this.#partition(partition);
    if (!found) return { rows: [], logStart: 0 };
    const rows: Row[] = [];
    let bytes = 0;
    for (const row of found.rows) {
      if (row.last < from) continue;
      const size = row.data.byteLength;
      if (rows.length > 0 && bytes + size > bytesMax) break;
      if (rows.length === 0 && size > Math.max(bytesMax, firstBytesMax))
        return { rows, logStart: found.state.logStart, refusedBytes: size };
      rows.push({ ...headOf(row), data: row.data.slice() });
      bytes += row.data.byteLength;
    }
    return { rows, logStart: found.state.logStart };
  }

  async seek(partition: PartitionId, timestampMs: number): Promise<Row | null> {
    const found = await this.#partition(partition);
    const row = found?.rows.find(({ maxTimestamp }) => maxTimestamp >= timestampMs);
    return row ? { ...headOf(row), data: row.data.slice() } : null;
  }

  async locate(partition: PartitionId, place: Place): Promise<RowHead | null> {
    const found = await this.#partition(partition);
    const row = found?.rows.find(({ last, maxTimestamp, position }) => {
      if ("offset" in place) return last >= place.offset;
      return "position" in place ? position >= place.position : maxTimestamp >= place.timestampMs;
    });
    return row ? headOf(row) : null;
  }

  async receipt(partition: PartitionId, key: Uint8Array): Promise<Receipt | null> {
    const found = await this.#partition(partition);
    return found?.receipts.get(key.toHex()) ?? null;
  }

  async aborted(partition: PartitionId, from: number): Promise<readonly AbortedTransaction[]> {
    const found = await this.#partition(partition);
    const aborted = found?.aborted.filter(({ last }) => last >= from) ?? [];
    return aborted.slice(0, ABORTED_READ_MAX);
  }

  async forgetReceipts(nowMs: number): Promise<void> {
    await this.#alive();
    this.#write([{ type: "forget", nowMs }], false);
  }

  backup(): Promise<void> {
    return Promise.reject(new StorageFault("io", "memory has no file to copy"));
  }

  async stats(): Promise<StorageStats> {
    await this.#alive();
    const rows = [...this.#disk.image.partitions.values()].flatMap((partition) => partition.rows);
    return {
      databaseBytes: rows.reduce((sum, { data }) => sum + data.byteLength, 0),
      walBytes: 0,
      freeBytes: this.#disk.full ? 0 : Infinity,
      refusing: this.#disk.full ? "the disk is full" : null,
      commits: this.#disk.commits,
      syncs: this.#disk.syncs,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    while (this.#writing) await this.#writing;
    await this.#alive();
    this.#disk.close();
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#writerTurn();
      await this.#alive();
      this.#commitAll(this.#queue.splice(0));
    }
    this.#writing = null;
  }

  /** One transaction for all that wait: each change sees those before it. */
  #commitAll(waiting: readonly Waiting[]): void {
    const done: Waiting[] = [];
    let synced = false;
    for (const each of waiting) {
      try {
        synced = this.#apply(each.change) || synced;
        done.push(each);
      } catch (error) {
        each.reject(error instanceof Error ? error : new Error(String(error)));
      }
    }
    if (synced) this.#disk.sync();
    for (const { resolve } of done) resolve();
  }

  /** Writes one change, or throws; tells whether it asks for a sync. */
  #apply(change: Change): boolean {
    const partition = this.#disk.image.partitions.get(change.partition);
    if (!partition) throw new Fenced(change.partition, change.guard, { epoch: -1, end: -1 });
    if (this.#disk.full && change.entries.some(needsSpace)) {
      throw new StorageFault("full", "the disk is full");
    }
    const before = partition.state;
    if (!holds(before, change.guard)) {
      throw new Fenced(change.partition, change.guard, { epoch: before.epoch, end: before.end });
    }
    const { partition: id, entries } = change;
    this.#write([{ type: "change", partition: id, entries: entries.map(copied) }], false);
    return change.durability === "synced" || partition.state.reservedEnd > before.reservedEnd;
  }

  #write(operations: readonly Operation[], synced: boolean): void {
    if (this.#broken) throw new StorageFault("io", "the disk failed before");
    const fault = this.#disk.ioFault;
    this.#disk.ioFault = null;
    this.#broken = fault !== null;
    if (fault !== "before") this.#disk.write(operations, synced);
    if (fault) throw new StorageFault("io", "the disk failed", { outcome: "unknown" });
  }

  #find(key: PartitionKey): [PartitionId, ImagePartition] | undefined {
    for (const [id, partition] of this.#disk.image.partitions)
      if (partition.key.topicId === key.topicId && partition.key.index === key.index)
        return [id, partition];
    return undefined;
  }

  async #partition(id: PartitionId): Promise<ImagePartition | undefined> {
    await this.#alive();
    return this.#disk.image.partitions.get(id);
  }

  /** Never resolves once the process that this storage stands for has crashed. */
  async #alive(): Promise<void> {
    await Promise.resolve();
    if (!this.#disk.isOpen(this.#generation)) await new Promise<never>(() => {});
  }
}

function needsSpace(entry: Entry): boolean {
  return entry.type === "append" || entry.type === "receipt" || entry.type === "rewrite";
}

function copied(entry: Entry): Entry {
  if (entry.type === "append") return { ...entry, data: entry.data.slice() };
  if (entry.type === "rewrite") {
    return { ...entry, rows: entry.rows.map((row) => ({ ...row, data: row.data.slice() })) };
  }
  if (entry.type === "producers") {
    const changed = entry.changed.map((each) => ({ ...each, batches: each.batches.slice() }));
    return { ...entry, changed };
  }
  if (entry.type !== "receipt") return { ...entry };
  const { key, value } = entry.receipt;
  return { type: "receipt", receipt: { ...entry.receipt, key: key.slice(), value: value.slice() } };
}

/** Cuts off large buffers from their other views, as a transfer does. */
function lend(change: Change): Change {
  for (const entry of change.entries) {
    if (entry.type !== "append" || entry.data.byteLength < TRANSFER_BYTES_MIN) continue;
    const { buffer, byteOffset, byteLength } = entry.data;
    const owned = buffer.byteLength === byteLength || entry.ownsBuffer === true;
    if (buffer instanceof ArrayBuffer && owned)
      entry.data = new Uint8Array(buffer.transfer(), byteOffset, byteLength);
  }
  return change;
}

function headOf({ base, last, epoch, position }: RowHead): RowHead {
  return { base, last, epoch, position };
}

function stateOf(id: PartitionId, { key, state }: ImagePartition): PartitionState {
  return { id, ...key, ...state };
}
