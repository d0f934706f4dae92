/** Producer ids are never given twice, whatever fails or restarts. */
import { expect, test } from "bun:test";
import {
  ProducerIds,
  PRODUCER_IDS_BLOCK,
} from "../../../../src/coordinators/transactions/producer-ids.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { StorageFault } from "../../../../src/storage/storage.ts";
import { openTestNode } from "../../../simulation/test-node.ts";

test("ids follow each other, also over blocks and for callers at the same time", async () => {
  const { controller } = await openTestNode();
  const ids = new ProducerIds(controller);
  const count = Number(PRODUCER_IDS_BLOCK) + 5;
  const taken = await Promise.all(Array.from({ length: count }, () => ids.take()));
  expect(new Set(taken).size).toBe(count);
  expect(controller.image.nextProducerId).toBe(2n * PRODUCER_IDS_BLOCK);
});

test("two nodes' blocks and those of the next start never meet", async () => {
  const first = await openTestNode();
  const [one, other] = [new ProducerIds(first.controller), new ProducerIds(first.controller)];
  const taken = new Set([await one.take(), await other.take(), await one.take()]);
  first.disk.crash();
  const again = await openTestNode({ disk: first.disk, metadata: first.metadata });
  taken.add(await new ProducerIds(again.controller).take());
  expect([...taken]).toEqual([0n, PRODUCER_IDS_BLOCK, 1n, 2n * PRODUCER_IDS_BLOCK]);
});

test("a block that cannot be had is asked for again", async () => {
  const { controller } = await openTestNode();
  let failures = 1;
  const ids = new ProducerIds({
    submit: (decide) => {
      if (failures-- > 0) return Promise.reject(new StorageFault("io", "no"));
      return controller.submit(decide);
    },
  });
  expect(await ids.take().catch((error: unknown) => error)).toBeInstanceOf(Refusal);
  expect(await ids.take()).toBe(0n);
});
