/**
 * Compaction in several passes: one that ends in the midst of a batch since the map of keys is full, one whose commit's answer
 * is lost, and what they leave to readers and to the next one.
 */
import { expect, test } from "bun:test";
import { cleanable } from "../../../../src/log/compaction/cleanable.ts";
import { compact } from "../../../../src/log/compaction/compaction.ts";
import { deleteHorizonOf } from "../../../../src/records/batch-filter.ts";
import { type Storage, StorageFault } from "../../../../src/storage/storage.ts";
import type { TestNode } from "../../../simulation/test-node.ts";
import { logOf, read, settled, withTopic } from "../transaction-world.ts";
import { batches, clean, configs, put, RETENTION_MS } from "./compaction-world.ts";

/** Of the map of keys. */
const ROOM_FOR_FOUR = { cleanerBufferBytes: 24 * 5 };

async function onePass(node: TestNode): Promise<number | undefined> {
  const nowMs = node.clock.nowMs();
  const range = await settled(node, cleanable(logOf(node), nowMs));
  if (!range) throw new Error("there is something to compact");
  const pass = compact(logOf(node), range, nowMs, () => false);
  return (await settled(node, pass))?.to;
}

test("a tombstone's time begins with the pass that takes its key's older records", async () => {
  const node = await withTopic({ configs, limits: ROOM_FOR_FOUR });
  await put(node, ["a=1"]);
  // The map is full before `d`: the pass does not know that `a` is deleted here.
  await put(node, ["b=1", "c=1", "e=1", "d=1", "a"]);
  await put(node, ["x=1"]);
  expect(await onePass(node)).toBe(4);
  expect((await batches(node)).headers.map(deleteHorizonOf)).toEqual([null, null, null]);
  await node.clock.advance(RETENTION_MS);
  await clean(node);
  const lastOf = async () => {
    const { headers } = await batches(node);
    return headers.find(({ baseOffset }) => baseOffset === 1)?.count;
  };
  expect((await batches(node)).kinds).toEqual(["1 data", "6 data"]);
  expect(await lastOf()).toBe(5);
  await node.clock.advance(RETENTION_MS - 100);
  await put(node, ["x=2"]);
  await clean(node);
  expect(await lastOf()).toBe(5);
  await node.clock.advance(100);
  await put(node, ["x=3"]);
  await clean(node);
  expect(await lastOf()).toBe(4);
});

/** Commits of compaction are made, and their answers lost. */
const forgetful = (storage: Storage): Storage =>
  new Proxy(storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== "commit") return typeof value === "function" ? value.bind(target) : value;
      const commit: Storage["commit"] = async (change) => {
        await target.commit(change);
        if (change.entries.some(({ type }) => type === "rewrite"))
          throw new StorageFault("io", "the answer is lost", { outcome: "unknown" });
      };
      return commit;
    },
  });

test("what one reader found removed no other is shown from memory, though the rewrite's answer was lost", async () => {
  const node = await withTopic({ configs, limits: { tailCacheRows: 3 }, wrap: forgetful });
  for (const text of ["a=1", "a=2", "a=3", "a=4", "z=1"]) await put(node, [text]);
  const before = (await read(node, "read_committed", 2)).shown;
  expect(before.map((line) => line.split(":")[0])).toEqual(["2", "3", "4"]);
  await clean(node);
  for (const from of [0, 2]) {
    const { shown } = await read(node, "read_committed", from);
    expect(shown.map((line) => line.split(":")[0])).toEqual(["3", "4"]);
  }
});
