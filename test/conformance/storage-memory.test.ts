/**
 * The storage contract on the reference in memory, and what its disk does when it crashes or fails.
 */
import { describe, expect, test } from "bun:test";
import { MemoryDisk } from "../../src/storage/memory/disk.ts";
import { memoryStorage } from "../../src/storage/memory/memory.ts";
import type { Durability, Storage } from "../../src/storage/storage.ts";
import { append } from "./batches.ts";
import { storageLogContract } from "./storage-log.ts";
import { storageRewriteContract } from "./storage-rewrite.ts";
import { caught } from "./storage-world.ts";
import { storageContract } from "./storage.ts";

const make = async () => {
  const disk = new MemoryDisk();
  return { open: async () => memoryStorage(disk), dispose: async () => {} };
};
storageContract("memory", make);
storageLogContract("memory", make);
storageRewriteContract("memory", make);

describe("memory disk", () => {
  const key = { topicId: "AAAAAAAAAAAAAAAAAAAAbQ", index: 0 };

  async function write(storage: Storage, end: number, durability: Durability): Promise<void> {
    await storage.create([key]);
    await storage.commit({
      partition: 1,
      guard: { epoch: 0, end },
      durability,
      entries: [append({ base: end })],
    });
  }

  async function endOf(storage: Storage): Promise<number> {
    return (await storage.bounds(1))?.end ?? -1;
  }

  const crashes = [
    { name: "a kill loses nothing", crash: {}, end: 6, powerLost: false },
    {
      name: "a power cut loses what is not synced",
      crash: { loseUnsynced: true },
      end: 3,
      powerLost: true,
    },
    {
      name: "or a part of it",
      crash: { loseUnsynced: true, keepUnsynced: 2 },
      end: 5,
      powerLost: true,
    },
    {
      name: "a flipped bit costs synced commits too",
      crash: { loseSynced: 2 },
      end: 1,
      powerLost: true,
    },
  ];
  for (const { name, crash, end, powerLost } of crashes)
    test(name, async () => {
      const disk = new MemoryDisk();
      const storage = memoryStorage(disk);
      for (let at = 0; at < 3; at += 1) await write(storage, at, "synced");
      for (let at = 3; at < 6; at += 1) await write(storage, at, "written");
      disk.crash(crash);
      const next = memoryStorage(disk);
      expect([await endOf(next), next.powerLost]).toEqual([end, powerLost]);
      expect((await next.bounds(1))?.reservedEnd).toBe(10_001);
      // Whoever is killed before every log has begun anew must be told again.
      disk.crash();
      const after = memoryStorage(disk);
      expect(after.powerLost).toBe(powerLost);
      await after.resumed();
      await after.close();
      expect(memoryStorage(disk).powerLost).toBe(false);
    });

  test("what was in flight when it crashed never settles", async () => {
    const disk = new MemoryDisk();
    let settled = false;
    const storage = memoryStorage(disk);
    await write(storage, 0, "synced");
    void write(storage, 1, "synced").finally(() => (settled = true));
    disk.crash();
    for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
    expect(settled).toBe(false);
    expect(await endOf(memoryStorage(disk))).toBe(1);
  });

  test("a second storage on the same disk is refused", () => {
    const disk = new MemoryDisk();
    memoryStorage(disk);
    expect(() => memoryStorage(disk)).toThrow("in use");
  });

  test("a full disk refuses appends, reads and trims go on, and writes come back", async () => {
    const disk = new MemoryDisk();
    const storage = memoryStorage(disk);
    await write(storage, 0, "synced");
    disk.full = true;
    expect(await caught(write(storage, 1, "synced"))).toMatchObject({
      kind: "full",
      outcome: "none",
    });
    expect((await storage.read(1, 0, 1000)).rows.length).toBe(1);
    const guard = { epoch: 0, end: 1 };
    await storage.commit({
      partition: 1,
      guard,
      entries: [{ type: "trim", logStart: 1 }],
      durability: "synced",
    });
    disk.full = false;
    await write(storage, 1, "synced");
    expect(await endOf(storage)).toBe(2);
  });

  test("after an I/O error nothing is written until it is opened anew", async () => {
    for (const [fault, end] of [
      ["before", 1],
      ["after", 2],
    ] as const) {
      const disk = new MemoryDisk();
      const storage = memoryStorage(disk);
      await write(storage, 0, "synced");
      disk.ioFault = fault;
      const error = await caught(write(storage, 1, "synced"));
      expect(error).toMatchObject({ kind: "io", outcome: "unknown" });
      expect(await caught(write(storage, end, "synced"))).toMatchObject({ kind: "io" });
      disk.crash();
      expect(await endOf(memoryStorage(disk))).toBe(end);
    }
  });
});
