/**
 * Commits whose outcome storage cannot tell: read back, settled truthfully, and never appended over.
 */
import { describe, expect, test } from "bun:test";
import { type Logger, silentLogger } from "../../../../src/lib/logger.ts";
import { Commits } from "../../../../src/log/appending/commits.ts";
import { memoryStorage } from "../../../../src/storage/memory/memory.ts";
import { type Append, type Storage, StorageFault } from "../../../../src/storage/storage.ts";
import { append } from "../../../conformance/batches.ts";

const topicId = "AAAAAAAAAAAAAAAAAAAAbQ";

/** What becomes of the next commits, one a call; afterwards all is well. */
type Fate = "well" | "lost before" | "lost after" | "refused";

async function withFates(
  fates: Fate[],
  logger: Logger = silentLogger,
): Promise<{ storage: Storage; commits: Commits }> {
  const memory = memoryStorage();
  await memory.create([{ topicId, index: 0 }]);
  const lost = () => new StorageFault("io", "the answer is lost", { outcome: "unknown" });
  const storage: Storage = {
    powerLost: false,
    resumed: () => memory.resumed(),
    partitions: () => memory.partitions(),
    producers: () => memory.producers(),
    create: (keys) => memory.create(keys),
    drop: (partitions) => memory.drop(partitions),
    async commit(change) {
      const fate = fates.shift() ?? "well";
      if (fate === "refused") throw new StorageFault("full", "the disk is full");
      if (fate === "lost before") throw lost();
      await memory.commit(change);
      if (fate === "lost after") throw lost();
    },
    bounds: (partition) => memory.bounds(partition),
    read: (...args) => memory.read(...args),
    seek: (...args) => memory.seek(...args),
    locate: (...args) => memory.locate(...args),
    receipt: (...args) => memory.receipt(...args),
    aborted: (...args) => memory.aborted(...args),
    forgetReceipts: (nowMs) => memory.forgetReceipts(nowMs),
    backup: (path) => memory.backup(path),
    stats: () => memory.stats(),
    close: () => memory.close(),
  };
  const commits = new Commits(storage, 1, { epoch: 0, end: 0 }, logger);
  return { storage, commits };
}

async function outcomeOf(commits: Commits, base: number): Promise<string> {
  const entry: Append = append({ base });
  try {
    await commits.commit([entry], { epoch: 0, end: entry.last + 1 }, "synced");
    return "applied";
  } catch (error) {
    if (error instanceof StorageFault) return `${error.kind}, ${error.outcome}`;
    return String(error);
  }
}

describe("a commit", () => {
  const cases: readonly [string, Fate[], string, number][] = [
    ["is applied", [], "applied", 1],
    ["is refused", ["refused"], "full, none", 0],
    ["whose answer was lost before it was applied", ["lost before"], "io, none", 0],
    ["whose answer was lost after it was applied", ["lost after"], "applied", 1],
    ["that cannot be read back, applied", ["lost after", "refused"], "io, unknown", 1],
    ["that cannot be read back, not applied", ["lost before", "refused"], "io, unknown", 0],
  ];
  test.each(cases)("%s", async (_what, fates, outcome, end) => {
    const { storage, commits } = await withFates([...fates]);
    expect(await outcomeOf(commits, 0)).toBe(outcome);
    expect((await storage.bounds(1))?.end).toBe(end);
    if (outcome === "io, unknown") {
      expect(commits.inDoubt).toBe(true);
      expect((await commits.reread(0, "synced")).end).toBe(end);
    }
    expect(commits.inDoubt).toBe(false);
    expect(await outcomeOf(commits, end)).toBe("applied");
  });

  test("is not made over what another epoch has written", async () => {
    const { storage, commits } = await withFates([]);
    const guard = { epoch: 0, end: 0 };
    const begin = { type: "begin" as const, epoch: 5, start: 3 };
    await storage.commit({ partition: 1, guard, entries: [begin], durability: "synced" });
    expect(await outcomeOf(commits, 0)).toContain("Another writer leads");
    expect(await outcomeOf(commits, 3)).toContain("Another writer leads");
    expect(commits.reread(0, "synced")).rejects.toMatchObject({ code: "not_leader_or_follower" });
    commits.unfence();
    expect((await commits.reread(6, "synced")).end).toBe(3);
    expect(commits.inDoubt).toBe(false);
  });

  test("that lost count at its own epoch reads back and goes on", async () => {
    const { storage, commits } = await withFates([]);
    const guard = { epoch: 0, end: 0 };
    const change = { partition: 1, guard, durability: "synced" as const };
    await storage.commit({ ...change, entries: [append({ base: 0 })] });
    expect(await outcomeOf(commits, 0)).toContain("Another writer leads");
    expect(commits.inDoubt).toBe(true);
    expect((await commits.reread(0, "synced")).end).toBe(1);
    expect(await outcomeOf(commits, 1)).toBe("applied");
  });

  test("to a log that was dropped is refused without an alarm; another writer raises one", async () => {
    const alarms: string[] = [];
    const logger = { ...silentLogger, error: (message: string) => void alarms.push(message) };
    const dropped = await withFates([], logger);
    await dropped.storage.drop([1]);
    expect(await outcomeOf(dropped.commits, 0)).toContain("Another writer leads");
    expect(alarms).toEqual([]);
    const taken = await withFates([], logger);
    const guard = { epoch: 0, end: 0 };
    const begin = { type: "begin" as const, epoch: 5, start: 3 };
    await taken.storage.commit({ partition: 1, guard, entries: [begin], durability: "synced" });
    expect(await outcomeOf(taken.commits, 0)).toContain("Another writer leads");
    expect(alarms).toHaveLength(1);
  });
});
