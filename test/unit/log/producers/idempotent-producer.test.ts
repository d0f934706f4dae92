/**
 * Idempotent producers over a whole partition: duplicates, and what a restart knows.
 */
import { describe, expect, test } from "bun:test";
import { somebody } from "../../../simulation/test-node.ts";
import {
  inTransaction,
  logOf,
  read,
  request,
  restarted,
  send,
  settled,
  withTopic,
} from "../transaction-world.ts";

describe("an idempotent producer", () => {
  test("gets the first offset again: in one turn, later, and after a restart", async () => {
    const node = await withTopic();
    const first = () => request({ sequence: 0, records: 3 });
    expect(await send(node, first(), first(), request({ sequence: 3 }))).toEqual(["0", "0+", "3"]);
    expect(await send(node, first(), request({ sequence: 3 }))).toEqual(["0+", "3+"]);
    const again = await restarted(node);
    expect(await send(again, first(), request({ sequence: 4 }))).toEqual(["0+", "4"]);
    expect(await send(again, request({ sequence: 6 }))).toEqual(["out_of_order_sequence_number"]);
  });

  test("of several in one turn each has its own sequence", async () => {
    const node = await withTopic();
    const said = await send(
      node,
      request({ sequence: 0 }),
      request({ sequence: 0, id: 8n }),
      request({ sequence: 1 }),
      request({ sequence: 3 }),
      request({ sequence: 1, id: 8n }),
      request({ sequence: 0, epoch: 1 }),
      request({ sequence: 2 }),
    );
    const gap = "out_of_order_sequence_number";
    expect(said).toEqual(["0", "1", "2", gap, "3", "4", "invalid_producer_epoch"]);
  });

  test("is not changed by a batch that was refused", async () => {
    const node = await withTopic({ configs: { "max.message.bytes": "500" } });
    const large = request({ sequence: 0, records: 100 });
    expect(await send(node, large, request({ sequence: 0 }))).toEqual(["message_too_large", "0"]);
  });

  test("goes on where its first batch failed, not behind it", async () => {
    const node = await withTopic({ limits: { queuedBytesPerPartition: 700 } });
    node.disk.full = true;
    const first = node.broker.append(somebody, request({ sequence: 0 }));
    expect(settled(node, first)).rejects.toMatchObject({ kind: "full" });
    node.disk.full = false;
    const gap = "out_of_order_sequence_number";
    expect(await send(node, request({ sequence: 1 }))).toEqual([gap]);
    expect(await send(node, request({ sequence: 0 }), request({ sequence: 1 }))).toEqual([
      "0",
      "1",
    ]);
    const full = "throttling_quota_exceeded";
    const late = request({ id: 8n, sequence: 0 });
    expect(await send(node, request({ sequence: 2 }), request({ sequence: 3 }), late)).toEqual([
      "2",
      "3",
      full,
    ]);
    expect(await send(node, request({ id: 8n, sequence: 1 }))).toEqual([gap]);
    expect(await send(node, request({ id: 8n, sequence: 0 }))).toEqual(["4"]);
  });

  test("is known after a restart from what was stored, and from the batches since", async () => {
    const limits = { producersUnstored: 2 };
    const node = await withTopic({ limits });
    for (let sequence = 0; sequence < 10; sequence += 1) {
      const ids = sequence % 3 === 0 ? [7n, 8n] : [7n];
      await send(
        node,
        ...ids.map((id) => request({ id, sequence: id === 7n ? sequence : sequence / 3 })),
      );
    }
    const stored = await node.storage.producers();
    expect(stored.size).toBe(1);
    expect((await node.storage.bounds(1))?.producersEnd).toBeLessThan(14);
    const again = await restarted(node, { limits });
    expect(await send(again, request({ sequence: 9 }), request({ id: 8n, sequence: 3 }))).toEqual([
      "12+",
      "13+",
    ]);
    expect(await send(again, request({ sequence: 10 }), request({ id: 8n, sequence: 4 }))).toEqual([
      "14",
      "15",
    ]);
  });

  test("is stored before its batches are trimmed", async () => {
    const node = await withTopic();
    await send(node, request({ sequence: 0 }), request({ sequence: 1 }));
    await settled(node, node.broker.deleteRecords(somebody, "t", 0, -1));
    const again = await restarted(node);
    expect(await send(again, request({ sequence: 1 }), request({ sequence: 2 }))).toEqual([
      "1+",
      "2",
    ]);
  });

  test("is forgotten when it has been silent, in memory and in storage", async () => {
    const node = await withTopic();
    await send(node, request({ sequence: 0 }), inTransaction({ id: 8n, sequence: 0 }));
    const log = logOf(node);
    await settled(node, log.storeProducers());
    expect((await node.storage.producers()).get(1)?.map(({ id }) => id)).toEqual([7n, 8n]);
    await settled(node, log.storeProducers(Infinity));
    expect((await node.storage.producers()).get(1)?.map(({ id }) => id)).toEqual([8n]);
    expect(await send(node, request({ sequence: 17 }))).toEqual(["2"]);
  });

  test("is one of a bounded number", async () => {
    const node = await withTopic({ limits: { producersPerPartition: 10 } });
    await send(node, inTransaction({ id: 1000n, sequence: 0 }));
    for (let id = 0n; id < 40n; id += 1n) {
      await send(node, request({ id, sequence: 0 }));
      await node.clock.advance(1);
    }
    expect(node.node.producers.count).toBeLessThanOrEqual(10);
    expect(await send(node, request({ id: 39n, sequence: 0 }))).toEqual(["40+"]);
    expect((await read(node, "read_committed")).lastStable).toBe(0);
  });

  test("stores what is behind when all logs together are too far behind", async () => {
    const node = await withTopic({ limits: { producersBehindBytesPerNode: 140 } });
    await send(node, request({ sequence: 0 }));
    expect((await node.storage.producers()).size).toBe(0);
    await send(node, request({ sequence: 1 }));
    expect(await node.storage.bounds(1)).toMatchObject({ producersEnd: 2 });
  });
});
