/**
 * Compaction in several passes: one that ends in the midst of a batch since the map of keys is full, and what it leaves to the
 * next one.
 */
import { expect, test } from "bun:test";
import { cleanable } from "../../../../src/log/compaction/cleanable.ts";
import { compact } from "../../../../src/log/compaction/compaction.ts";
import { deleteHorizonOf } from "../../../../src/records/batch-filter.ts";
import type { TestNode } from "../../../simulation/test-node.ts";
import { logOf, settled, withTopic } from "../transaction-world.ts";
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
