/**
 * A log of batches that can be told from each other, one an offset, and the proof that it is whole.
 */
import { expect } from "bun:test";
import type { Storage } from "../../src/storage/storage.ts";
import { append, batch } from "./batches.ts";
import { topicId } from "./storage-world.ts";

/** Appends one batch an offset to the first partition. */
export async function fill(
  storage: Storage,
  from: number,
  to: number,
  bytes = 1000,
): Promise<void> {
  await storage.create([{ topicId, index: 0 }]);
  for (let base = from; base < to; base += 1)
    await storage.commit({
      partition: 1,
      guard: { epoch: 0, end: base },
      entries: [append({ base, bytes })],
      durability: "synced",
    });
}

/** Every stored batch is right and in its place; gives the end. */
export async function intactEnd(storage: Storage, bytes = 1000): Promise<number> {
  const { rows } = await storage.read(1, 0, Infinity);
  const data = Buffer.concat(rows.map((row) => row.data));
  const expected = Array.from({ length: data.length / bytes }, (_, base) => batch({ base, bytes }));
  expect(Bun.hash(data)).toBe(Bun.hash(Buffer.concat(expected)));
  const bounds = await storage.bounds(1);
  expect(bounds?.end ?? 0).toBe(expected.length);
  return expected.length;
}
