/**
 * A backup that finds no room: it says how much it takes, and what to do.
 */
import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBackup } from "../../../../src/storage/files/backup.ts";
import { memoryMetadataStore } from "../../../../src/storage/memory/metadata.ts";
import { memoryStorage } from "../../../../src/storage/memory/memory.ts";
import { seededRandom } from "../../../../src/lib/random.ts";

test("a backup without room for its copy says how much that takes, and leaves nothing", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kedge-room-"));
  const storage = memoryStorage();
  const sizes = { databaseBytes: 96 << 20, walBytes: 4 << 20, freeBytes: 10 << 20 };
  const stats = { ...(await storage.stats()), ...sizes };
  const full = Object.assign(storage, { stats: () => Promise.resolve(stats) });
  const store = memoryMetadataStore();
  const made = makeBackup({ directory, storage: full, store, random: seededRandom(1) });
  expect(await made.catch(String)).toContain("takes 100.0 MiB, and 10.0 MiB are free: free or add");
  expect(await readdir(directory)).toEqual([]);
  await rm(directory, { recursive: true });
});
