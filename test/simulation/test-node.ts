/**
 * A whole node without doors, on a memory disk and a virtual clock: what unit tests and simulation drive.
 */
import type { Context } from "../../src/broker/verbs.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { MemoryDisk } from "../../src/storage/memory/disk.ts";
import { MemoryMetadataDisk, memoryMetadataStore } from "../../src/storage/memory/metadata.ts";
import { memoryStorage } from "../../src/storage/memory/memory.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { assemble, type Assembled, type Parts } from "./assembled.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const somebody: Context = {
  principal: "User:test",
  clientId: "test",
  host: "127.0.0.1",
  listener: "http",
};

export interface TestNode extends Assembled {
  readonly disk: MemoryDisk;
  readonly metadata: MemoryMetadataDisk;
  readonly storage: Storage;
  readonly clock: VirtualClock;
}

interface Given extends Omit<Partial<Parts>, "storage" | "store" | "clock" | "random"> {
  readonly disk?: MemoryDisk;
  readonly metadata?: MemoryMetadataDisk;
  readonly clock?: VirtualClock;
  /** Stands between the log and its disk. */
  readonly wrap?: (storage: Storage) => Storage;
  readonly seed?: number;
}

export async function openTestNode(given: Given = {}): Promise<TestNode> {
  const {
    disk = new MemoryDisk(),
    metadata = new MemoryMetadataDisk(),
    clock = new VirtualClock(),
    wrap = (storage) => storage,
    seed = 1,
    ...parts
  } = given;
  const storage = wrap(memoryStorage(disk));
  const assembled = await assemble({
    ...parts,
    storage,
    store: memoryMetadataStore(metadata),
    clock,
    random: seededRandom(seed),
    groups: { offsetsPartitions: 2, ...parts.groups },
    transactions: { partitions: 2, ...parts.transactions },
  });
  return { ...assembled, disk, metadata, storage, clock };
}
