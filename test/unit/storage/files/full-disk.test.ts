/** What is said where the disk has no room: by a refused write, and by the node's readiness. */
import { expect, test } from "bun:test";
import { nodeProbes } from "../../../../src/runtime/node-probes.ts";
import { fullDisk } from "../../../../src/storage/files/full-disk.ts";
import { MemoryDisk } from "../../../../src/storage/memory/disk.ts";
import { memoryStorage } from "../../../../src/storage/memory/memory.ts";

const MIB = 1024 * 1024;

test("a full disk names its folder, what is kept in reserve, and what to do", () => {
  const fault = fullDisk({
    directory: "/data/k",
    freeBytes: 60 * MIB,
    reserveBytes: 64 * MIB,
    walBytes: 3 * MIB,
  });
  expect(fault).toMatchObject({ kind: "full", outcome: "none" });
  for (const words of [
    "/data/k",
    "60.0 MiB are free",
    "3.0 MiB wait in the write-ahead log",
    "64.0 MiB are kept in reserve",
    "delete topics",
  ])
    expect(fault.message).toContain(words);
});

test("while writes are refused the node is ready, and says so", async () => {
  const disk = new MemoryDisk();
  const platform = undefined as never; // Only metrics ask it.
  const { signal: stopping } = new AbortController();
  const probes = nodeProbes({ storage: memoryStorage(disk), platform, stopping });
  const storageCheck = async () =>
    (await probes.checks?.())?.find(({ name }) => name === "storage");
  expect((await storageCheck())?.detail).not.toContain("full");
  disk.full = true;
  expect(await storageCheck()).toEqual({
    name: "storage",
    ready: true,
    detail: "the disk is full",
  });
});
