/**
 * One round of a crash loop: starts the load on a folder, kills it with -9 in the middle, opens the folder and checks that
 * everything acknowledged is there, whole and in order, and that nothing is there twice.
 */
import { expect } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Guard, PartitionId, Storage } from "../../src/storage/storage.ts";
import { batch } from "./batches.ts";
import { openIn } from "./libsql-folder.ts";

const CHECKED_BYTES = 4_000_000;
const sizes = [100, 1000, 20_000, 100_000];

/** Gives how many changes were acknowledged before the kill, `afterMs` after the load's start. */
export async function killUnderLoad(directory: string, afterMs: number): Promise<number> {
  const script = fileURLToPath(new URL("storage-load.ts", import.meta.url));
  const child = Bun.spawn(["bun", script, directory], { stdout: "pipe", stderr: "inherit" });
  const acknowledged = new Map<number, number>();
  let said = "";
  let count = 0;
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    if (said === "") setTimeout(() => child.kill("SIGKILL"), afterMs);
    said += decoder.decode(chunk, { stream: true });
  }
  await child.exited;
  for (const line of said.split("\n").slice(0, -1)) {
    const [partition, end] = line.split(" ").map(Number);
    if (partition === undefined || end === undefined) continue;
    acknowledged.set(partition, end);
    count += 1;
  }
  await checkEnds(directory, acknowledged);
  return count;
}

async function checkEnds(
  directory: string,
  acknowledged: ReadonlyMap<number, number>,
): Promise<void> {
  const storage = await openIn(directory);
  expect(storage.powerLost).toBe(false);
  for (const { id, index, epoch, end, reservedEnd } of await storage.partitions()) {
    expect(end).toBeGreaterThanOrEqual(acknowledged.get(id) ?? 0);
    expect(reservedEnd).toBeGreaterThanOrEqual(end);
    const bytes = sizes[index] ?? 0;
    // The newest: the rest was checked a kill ago.
    const from = Math.max(0, end - Math.min(1000, CHECKED_BYTES / bytes));
    const { rows } = await storage.read(id, from, Infinity);
    let next = rows[0]?.base ?? end;
    for (const { base, last, data } of rows) {
      expect(base).toBe(next);
      expect(data.byteLength).toBe((last - base + 1) * bytes);
      for (; next <= last; next += 1) {
        const at = (next - base) * bytes;
        expect(Buffer.compare(data.subarray(at, at + bytes), batch({ base: next, bytes }))).toBe(0);
      }
    }
    expect(next).toBe(end);
    await forget(storage, id, { epoch, end });
  }
  await storage.close();
}

/** Lets most of a log go, so that the folder stays small, and so that the next kill may fall into the deleting. */
async function forget(storage: Storage, partition: PartitionId, guard: Guard): Promise<void> {
  const entries = [{ type: "trim", logStart: Math.max(0, guard.end - 100) }] as const;
  await storage.commit({ partition, guard, entries, durability: "written" });
}
