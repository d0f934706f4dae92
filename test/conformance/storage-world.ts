/**
 * The ground that storage suites stand on: one folder or disk, the storage that is open on it, and short ways to use it.
 */
import {
  type Bounds,
  type Entry,
  type PartitionId,
  type Row,
  type Storage,
} from "../../src/storage/storage.ts";

/** One folder or disk on which a storage can be opened again and again. */
export interface StorageHarness {
  open(): Promise<Storage>;
  /** Removes what was made. */
  dispose(): Promise<void>;
}

export const topicId = "AAAAAAAAAAAAAAAAAAAAbQ";

export class StorageWorld {
  storage: Storage;
  readonly #harness: StorageHarness;

  constructor(harness: StorageHarness, storage: Storage) {
    this.#harness = harness;
    this.storage = storage;
  }

  static async make(make: () => Promise<StorageHarness>): Promise<StorageWorld> {
    const harness = await make();
    return new StorageWorld(harness, await harness.open());
  }

  async reopen(): Promise<void> {
    await this.storage.close();
    this.storage = await this.#harness.open();
  }

  async dispose(): Promise<void> {
    await this.storage.close();
    await this.#harness.dispose();
  }

  async onePartition(): Promise<PartitionId> {
    const [partition] = await this.storage.create([{ topicId, index: 0 }]);
    return partition?.id ?? -1;
  }

  async bounds(partition: PartitionId): Promise<Bounds> {
    const found = await this.storage.bounds(partition);
    if (!found) throw new Error("the partition is not there");
    return found;
  }

  /** A synced commit whose guard is what the partition is. */
  async commit(partition: PartitionId, entries: readonly Entry[]): Promise<void> {
    const { epoch, end } = await this.bounds(partition);
    await this.storage.commit({ partition, guard: { epoch, end }, entries, durability: "synced" });
  }

  /** Everything from `from` on, as one run of bytes. */
  async bytesFrom(partition: PartitionId, from: number): Promise<Uint8Array> {
    const { rows } = await this.storage.read(partition, from, Infinity);
    return joined(rows);
  }
}

/** What a promise was rejected with, null when it resolved. */
export async function caught(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return null;
  } catch (error) {
    return error;
  }
}

function joined(rows: readonly Row[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(rows.map(({ data }) => data)));
}
