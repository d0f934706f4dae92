/**
 * The controller: what is committed is applied, also when the store cannot say; a restart finds all of it again.
 */
import { describe, expect, test } from "bun:test";
import type { Command } from "../../../src/cluster/commands.ts";
import { Controller } from "../../../src/cluster/controller.ts";
import type { Effect } from "../../../src/cluster/image.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import { MemoryMetadataDisk, memoryMetadataStore } from "../../../src/storage/memory/metadata.ts";
import type { MetadataStore } from "../../../src/storage/metadata-store.ts";
import { StorageFault } from "../../../src/storage/storage.ts";

const topic = (name: string): Command => ({ type: "topic", version: 0, name, id: `id-${name}` });
const partition = (name: string, index: number): Command => ({
  type: "partition",
  version: 0,
  topicId: `id-${name}`,
  index,
  replicas: [1],
  inSyncReplicas: [1],
  leader: 1,
  leaderEpoch: 0,
  partitionEpoch: 0,
});

function open(store: MetadataStore, snapshotCommandsMin = 1_000): Promise<Controller> {
  const random = seededRandom(1);
  return Controller.open({ store, random, logger: silentLogger, snapshotCommandsMin });
}

function typeOf(command: string): string {
  // As it was stored.
  return (JSON.parse(command) as Command).type;
}

/** A function that throws what the promise was rejected with. */
async function thrower(promise: Promise<unknown>): Promise<() => void> {
  const [outcome] = await Promise.allSettled([promise]);
  return () => {
    if (outcome?.status === "rejected") throw outcome.reason;
  };
}

/** A store whose next append fails: before it was kept, or after; `deaf` makes reading it back fail too. */
class FaultyStore {
  fault: "before" | "after" | null = null;
  deaf = false;
  readonly store: MetadataStore;

  constructor(disk: MemoryMetadataDisk) {
    const inner = memoryMetadataStore(disk);
    this.store = {
      ...inner,
      load: async () => {
        if (this.deaf) throw new StorageFault("io", "cannot read");
        return inner.load();
      },
      append: async (entries) => {
        const { fault } = this;
        this.fault = null;
        if (fault !== "before") await inner.append(entries);
        if (fault !== null) throw new StorageFault("io", "lost touch", { outcome: "unknown" });
      },
    };
  }
}

describe("identity", () => {
  test("is made once and kept; each start registers a new incarnation and a greater epoch", async () => {
    const disk = new MemoryMetadataDisk();
    const first = await open(memoryMetadataStore(disk));
    const second = await open(memoryMetadataStore(disk));
    expect(second.identity).toEqual(first.identity);
    expect(second.image.brokers.get(1)?.epoch).toBe(2);
    expect(disk.entries.map((entry) => entry.epoch)).toEqual([1, 2]);
  });
});

describe("a start on a full disk", () => {
  test("finds all that is there; it is registered with the first commands that there is room for", async () => {
    const disk = new MemoryMetadataDisk();
    const before = await open(memoryMetadataStore(disk));
    await before.submit(() => [topic("a"), partition("a", 0)]);
    disk.full = true;
    const controller = await open(memoryMetadataStore(disk));
    expect(controller.image.topic("a")).toEqual(before.image.topic("a"));
    expect(controller.image.brokers.get(1)?.epoch).toBe(1);
    await controller.submit(() => []);
    expect(await thrower(controller.submit(() => [topic("b")]))).toThrow(StorageFault);
    disk.full = false;
    await controller.submit(() => [topic("b")]);
    await controller.submit(() => [topic("c")]);
    expect(controller.image.brokers.get(1)?.epoch).toBe(4);
    const kept = disk.entries.slice(3).map(({ epoch, command }) => [epoch, typeOf(command)]);
    expect(kept).toEqual([
      [2, "register-broker"],
      [2, "topic"],
      [2, "topic"],
    ]);
    const again = await open(memoryMetadataStore(disk));
    expect(again.image.topicCount).toBe(3);
  });

  test("refuses a node that has never been registered: there is nothing to read", async () => {
    const disk = new MemoryMetadataDisk();
    disk.full = true;
    expect(await thrower(open(memoryMetadataStore(disk)))).toThrow(StorageFault);
  });

  test("an unknown outcome of the first commands registers it once", async () => {
    const disk = new MemoryMetadataDisk();
    await open(memoryMetadataStore(disk));
    const faulty = new FaultyStore(disk);
    disk.full = true;
    const controller = await open(faulty.store);
    disk.full = false;
    faulty.fault = "after";
    await controller.submit(() => [topic("a")]);
    await controller.submit(() => [topic("b")]);
    const kept = disk.entries.map(({ command }) => typeOf(command));
    expect(kept).toEqual(["register-broker", "register-broker", "topic", "topic"]);
  });
});

describe("submitting", () => {
  test("answers after apply, tells what was done, and survives a restart", async () => {
    const disk = new MemoryMetadataDisk();
    const controller = await open(memoryMetadataStore(disk));
    const told: Effect[] = [];
    controller.onEffects((effects) => told.push(...effects));
    const { index } = await controller.submit(() => [topic("a"), partition("a", 0)]);
    expect(index).toBe(3);
    expect(controller.image.topic("a")?.partitions).toHaveLength(1);
    expect(told).toEqual([{ type: "partition-created", topicId: "id-a", index: 0 }]);
    const again = await open(memoryMetadataStore(disk));
    expect(again.image.topic("a")).toEqual(controller.image.topic("a"));
  });

  test("one at a time: the second of two that collide is decided after the first", async () => {
    const controller = await open(memoryMetadataStore());
    const create = () =>
      controller.submit((image) => {
        if (image.topic("a")) throw new Refusal("topic_already_exists", "there");
        return [topic("a")];
      });
    const outcomes = await Promise.allSettled([create(), create()]);
    expect(outcomes.map((each) => each.status)).toEqual(["fulfilled", "rejected"]);
  });

  test("nothing to do writes nothing", async () => {
    const disk = new MemoryMetadataDisk();
    const controller = await open(memoryMetadataStore(disk));
    await controller.submit(() => []);
    expect(disk.entries).toHaveLength(1);
  });

  test("a store that refuses leaves the image as it was", async () => {
    const disk = new MemoryMetadataDisk();
    const controller = await open(memoryMetadataStore(disk));
    disk.full = true;
    expect(await thrower(controller.submit(() => [topic("a")]))).toThrow(StorageFault);
    expect(controller.image.topic("a")).toBeNull();
    disk.full = false;
    await controller.submit(() => [topic("a")]);
    expect(controller.image.topic("a")?.id).toBe("id-a");
  });
});

describe("an unknown outcome", () => {
  test.each([
    ["kept", "after", true],
    ["lost", "before", false],
  ] as const)("%s: settled by reading back", async (_name, fault, kept) => {
    const faulty = new FaultyStore(new MemoryMetadataDisk());
    const controller = await open(faulty.store);
    faulty.fault = fault;
    const outcome = await controller.submit(() => [topic("a")]).catch((error: unknown) => error);
    expect(outcome instanceof StorageFault).toBe(!kept);
    expect(controller.image.topic("a") !== null).toBe(kept);
    await controller.submit(() => [topic("b")]);
    expect(controller.image.topic("b")?.id).toBe("id-b");
  });

  test("nothing is decided before it is settled", async () => {
    const faulty = new FaultyStore(new MemoryMetadataDisk());
    const controller = await open(faulty.store);
    const told: Effect[] = [];
    controller.onEffects((effects) => told.push(...effects));
    faulty.fault = "after";
    faulty.deaf = true;
    const create = controller.submit(() => [topic("a"), partition("a", 0)]);
    expect(await thrower(create)).toThrow("lost touch");
    expect(await thrower(controller.submit(() => [topic("b")]))).toThrow("cannot read");
    expect(controller.image.topic("b")).toBeNull();
    faulty.deaf = false;
    await controller.submit((image) => (image.topic("a") ? [topic("b")] : [topic("wrong")]));
    expect(controller.image.topic("b")?.id).toBe("id-b");
    expect(told.map((effect) => effect.type)).toEqual(["partition-created"]);
  });
});

describe("snapshots", () => {
  test("are taken as the image grows, and a restart from one equals a replay", async () => {
    const disk = new MemoryMetadataDisk();
    const controller = await open(memoryMetadataStore(disk), 10);
    for (let at = 0; at < 100; at++) {
      await controller.submit(() => [topic(`t${at}`), partition(`t${at}`, 0)]);
    }
    const snapshots = disk.snapshot?.index ?? 0;
    expect(snapshots).toBeGreaterThan(100);
    expect(disk.entries.length).toBeLessThanOrEqual(controller.image.index - snapshots);
    const again = await open(memoryMetadataStore(disk), 10);
    expect([...again.image.topics()]).toEqual([...controller.image.topics()]);
    expect(again.image.index).toBe(controller.image.index + 1);
  });

  test("none is taken while it is held; which topics were removed is told at the next start", async () => {
    const disk = new MemoryMetadataDisk();
    const controller = await open(memoryMetadataStore(disk), 1);
    controller.holdSnapshots(() => true);
    await controller.submit(() => [
      topic("a"),
      { type: "remove-topic", version: 0, id: "id-a" },
      topic("b"),
    ]);
    expect(disk.snapshot).toBeNull();
    const told: string[] = [];
    const random = seededRandom(1);
    await Controller.open({
      store: memoryMetadataStore(disk),
      random,
      logger: silentLogger,
      snapshotCommandsMin: 1,
      check: (image, removed) => told.push(...removed, `${image.topicCount} topics`),
    });
    expect(told).toEqual(["id-a", "1 topics"]);
    // Nor by a start, which has not yet let the logs go.
    expect(disk.snapshot).toBeNull();
  });

  test("one that was held is taken with the next commands", async () => {
    const disk = new MemoryMetadataDisk();
    const controller = await open(memoryMetadataStore(disk), 1);
    let held = true;
    controller.holdSnapshots(() => held);
    await controller.submit(() => [topic("a"), topic("b")]);
    held = false;
    await controller.submit(() => [topic("c")]);
    expect(disk.snapshot?.index).toBe(controller.image.index);
  });

  test("a snapshot that fails costs nothing but the attempt", async () => {
    const disk = new MemoryMetadataDisk();
    const inner = memoryMetadataStore(disk);
    let failures = 0;
    const store: MetadataStore = {
      ...inner,
      saveSnapshot: () => {
        failures += 1;
        return Promise.reject(new StorageFault("full", "no room"));
      },
    };
    const controller = await open(store, 2);
    await controller.submit(() => [topic("a"), topic("b")]);
    expect(failures).toBe(1);
    expect((await open(inner)).image.topicCount).toBe(2);
  });
});
