/**
 * Transactions over a whole partition: the last stable offset, what readers are given, whom the coordinator is asked for.
 */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../../src/lib/refusal.ts";
import type { VerifyRequest } from "../../../../src/log/transactions/verification.ts";
import { walkBatches } from "../../../../src/records/batch.ts";
import { readMarker } from "../../../../src/records/control.ts";
import { somebody } from "../../../simulation/test-node.ts";
import {
  end,
  inTransaction,
  logOf,
  nowMs,
  read,
  request,
  restarted,
  send,
  settled,
  withTopic,
  type Shape,
} from "../transaction-world.ts";

describe("a transaction", () => {
  test("holds back who reads committed until it ends", async () => {
    const node = await withTopic();
    expect(
      await send(node, request({ id: 1n, sequence: 0 }), inTransaction({ sequence: 0 })),
    ).toEqual(["0", "1"]);
    await send(node, request({ id: 1n, sequence: 1 }));
    expect(await read(node, "read_committed")).toMatchObject({
      shown: ["0: 1/0/0"],
      lastStable: 1,
    });
    expect((await read(node, "read_uncommitted")).shown.length).toBe(3);
    expect((await read(node, "read_uncommitted")).aborted).toBeNull();
    await end(node);
    expect(await read(node, "read_committed")).toEqual({
      shown: ["0: 1/0/0", "1: 7/0/0", "2: 1/0/1"],
      next: 4,
      lastStable: 4,
      aborted: [],
      refused: null,
    });
  });

  test("is not shown when it was aborted, only to who reads uncommitted", async () => {
    const node = await withTopic();
    await send(
      node,
      inTransaction({ sequence: 0, records: 2 }),
      inTransaction({ id: 8n, sequence: 0 }),
    );
    await end(node, { commit: false });
    expect((await read(node, "read_committed")).lastStable).toBe(2);
    expect((await read(node, "read_committed")).shown).toEqual([]);
    await send(node, inTransaction({ sequence: 0, epoch: 1 }));
    await end(node, { id: 8n });
    await end(node, { epoch: 2 });
    const committed = await read(node, "read_committed");
    expect(committed.shown).toEqual(["2: 8/0/0", "4: 7/1/0"]);
    expect(committed.aborted).toMatchObject([{ producerId: 7n, first: 0, last: 3 }]);
    expect((await read(node, "read_committed", 4)).aborted).toEqual([]);
    expect((await read(node, "read_committed", 1)).aborted?.length).toBe(1);
    const again = await restarted(node);
    expect(await read(again, "read_committed")).toEqual(committed);
  });

  test("that was aborted is not shown to a reader whom a trim overtakes on its way to the index", async () => {
    const node = await withTopic();
    await send(node, inTransaction({ sequence: 0 }));
    await send(node, request({ id: 1n, sequence: 0 }));
    await end(node, { commit: false });
    let trim = async () => {};
    const again = await restarted(node, {
      wrap(storage) {
        const aborted = storage.aborted.bind(storage);
        storage.aborted = async (...asked) => {
          await trim();
          return aborted(...asked);
        };
        return storage;
      },
    });
    expect((await read(again, "read_committed")).shown).toEqual(["1: 1/0/0"]);
    trim = async () => {
      await again.broker.deleteRecords(somebody, "t", 0, 3);
    };
    expect(await read(again, "read_committed")).toMatchObject({
      shown: [],
      refused: "offset_trimmed",
    });
  });

  test("is open after a restart, until its marker is written", async () => {
    const node = await withTopic();
    await send(node, request({ id: 1n, sequence: 0 }), inTransaction({ sequence: 0 }));
    const again = await restarted(node);
    expect(await read(again, "read_committed")).toMatchObject({
      shown: ["0: 1/0/0"],
      lastStable: 1,
    });
    const open = again.broker.producers.open(somebody, Infinity);
    expect(open).toMatchObject([{ producerId: 7n, firstOffset: 1, partition: 0 }]);
    expect(await send(again, inTransaction({ sequence: 1 }))).toEqual(["2"]);
    await end(again);
    expect((await read(again, "read_committed")).shown.length).toBe(3);
    expect(again.broker.producers.open(somebody, Infinity)).toEqual([]);
  });

  test("that ends wakes those who wait for it, and nothing before", async () => {
    const node = await withTopic();
    await send(node, inTransaction({ sequence: 0 }));
    const asked = { topic: "t", partition: 0, from: 0, bytesMax: 1e6 };
    const options = { bytesMin: 1, bytesMax: 1e6, waitMs: 60_000 };
    const seen: string[] = [];
    for (const isolation of ["read_committed", "read_uncommitted"] as const) {
      const from = isolation === "read_uncommitted" ? 1 : 0;
      node.broker.read(somebody, [{ ...asked, from }], { ...options, isolation }).then(
        () => seen.push(isolation),
        () => {},
      );
    }
    await node.clock.settle();
    expect(seen).toEqual([]);
    await send(node, inTransaction({ sequence: 1 }));
    expect(seen).toEqual(["read_uncommitted"]);
    await end(node);
    expect(seen).toEqual(["read_uncommitted", "read_committed"]);
  });

  test("that ends is as much as all that it held back, to who waits for more than its marker", async () => {
    const node = await withTopic();
    await send(node, inTransaction({ sequence: 0, records: 20 }));
    const bytesMin = logOf(node).bytes();
    let seen = false;
    const options = { bytesMin, bytesMax: 1e6, waitMs: 60_000 };
    node.broker
      .read(somebody, [{ topic: "t", partition: 0, from: 0, bytesMax: 1e6 }], {
        ...options,
        isolation: "read_committed",
      })
      .then(
        () => (seen = true),
        () => {},
      );
    await node.clock.settle();
    await end(node);
    expect(seen).toBe(true);
  });

  test("is not forgotten, however many other producers come", async () => {
    const node = await withTopic({ limits: { producersPerPartition: 4 } });
    await send(node, inTransaction({ sequence: 0 }));
    for (let id = 10n; id < 30n; id += 1n) await send(node, request({ id, sequence: 0 }));
    expect(logOf(node).lastStable).toBe(0);
    await end(node);
    expect(logOf(node).lastStable).toBe(22);
  });

  test("leaves a marker that says how it ended", async () => {
    const node = await withTopic();
    await send(node, inTransaction({ sequence: 0 }));
    await end(node, { commit: false });
    const { rows } = await node.storage.read(1, 1, 1);
    const data = rows[0]?.data ?? new Uint8Array();
    const [control] = [...walkBatches(data)].filter(({ header }) => header.control);
    if (!control) throw new Error("there is a marker");
    expect(control.header).toMatchObject({
      baseOffset: 1,
      transactional: true,
      producerId: 7n,
      producerEpoch: 1,
      baseSequence: -1,
      count: 1,
    });
    expect(readMarker(data, control.at)).toEqual({ commit: false, coordinatorEpoch: 3 });
  });

  test("ends where an older producer or coordinator cannot", async () => {
    const node = await withTopic();
    await send(node, inTransaction({ epoch: 5, sequence: 0 }));
    expect(end(node, { epoch: 5 })).rejects.toMatchObject({ code: "invalid_producer_epoch" });
    expect(end(node, { epoch: 4, version: 1 })).rejects.toMatchObject({
      code: "invalid_producer_epoch",
    });
    await end(node, { epoch: 6 });
    await end(node, { epoch: 6 });
    expect((await read(node, "read_committed")).next).toBe(3);
    expect(await settled(node, node.broker.producers.describe(somebody, "t", 0))).toEqual([
      {
        producerId: 7n,
        producerEpoch: 6,
        lastSequence: -1,
        lastTimestamp: node.clock.nowMs(),
        coordinatorEpoch: 3,
        transactionStart: -1,
      },
    ]);
  });

  test("keeps its attributes where the topic recodes batches", async () => {
    const node = await withTopic({ configs: { "compression.type": "gzip" } });
    await send(node, inTransaction({ sequence: 0 }));
    await end(node, { commit: false });
    expect((await read(node, "read_committed")).shown).toEqual([]);
  });

  test("takes records without sequences, one batch of their own", async () => {
    const node = await withTopic();
    const records = (value: string, producerId: bigint | null) =>
      ({
        topic: "t",
        partition: 0,
        acks: -1,
        payload: {
          type: "records",
          records: [
            { key: null, value: new TextEncoder().encode(value), headers: [], timestampMs: nowMs },
          ],
          ...(producerId === null ? {} : { transaction: { producerId, producerEpoch: 0 } }),
        },
        transactional: { transactionalId: "x", support: "joins" },
      }) as const;
    const said = await send(
      node,
      records("a", null),
      records("b", 7n),
      records("c", null),
      records("d", 8n),
      records("e", 7n),
    );
    expect(said).toEqual(["0", "2", "1", "3", "4"]);
    await end(node, { commit: false });
    await end(node, { id: 8n });
    expect((await read(node, "read_committed")).shown).toEqual(["0: a", "1: c", "3: d"]);
  });

  test("is found among many that were aborted, in memory or in storage", async () => {
    const node = await withTopic({ limits: { abortedCached: 4 } });
    for (let epoch = 0; epoch < 20; epoch += 1) {
      await send(node, inTransaction({ sequence: 0, epoch }));
      await end(node, { epoch: epoch + 1, commit: epoch % 5 === 4 });
    }
    const shown = [4, 9, 14, 19].map((epoch) => `${epoch * 2}: 7/${epoch}/0`);
    expect((await read(node, "read_committed")).shown).toEqual(shown);
    expect((await read(node, "read_committed", 37)).aborted).toMatchObject([
      { producerId: 7n, first: 36, last: 37 },
    ]);
    const again = await restarted(node);
    expect((await read(again, "read_committed", 5)).shown).toEqual(shown);
  });
});

describe("the coordinator", () => {
  test("is asked for the first batch alone, and in order", async () => {
    const asked: VerifyRequest[] = [];
    const node = await withTopic({
      verify: async (request) => {
        asked.push(request);
        await new Promise<void>((resolve) => node.clock.after(10, resolve));
      },
    });
    const sent = Promise.all(
      [0, 1, 2].map((sequence) => node.broker.append(somebody, inTransaction({ sequence }))),
    );
    await node.clock.advance(100);
    expect((await sent).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
    const before = asked.length;
    expect(await send(node, inTransaction({ sequence: 3 }))).toEqual(["3"]);
    expect(asked.length).toBe(before);
    expect(asked[0]).toEqual({
      transactionalId: "x7",
      producerId: 7n,
      producerEpoch: 0,
      topic: "t",
      partition: 0,
      joins: true,
    });
  });

  const said: readonly [string, Shape["support"], string][] = [
    ["invalid_txn_state", "joins", "invalid_txn_state"],
    ["producer_fenced", "joins", "invalid_producer_epoch"],
    ["transaction_abortable", "default", "invalid_txn_state"],
    ["transaction_abortable", "abortable", "transaction_abortable"],
    ["concurrent_transactions", "joins", "concurrent_transactions"],
    ["concurrent_transactions", "default", "not_enough_replicas"],
    ["coordinator_load_in_progress", "joins", "not_enough_replicas"],
  ];
  test.each(said)("that says %s to %s: %s", async (code, support = "joins", expected) => {
    const node = await withTopic({
      verify: () => Promise.reject(new Refusal(code as "invalid_txn_state", "no")),
    });
    expect(await send(node, inTransaction({ sequence: 0, support }))).toEqual([expected]);
    expect(logOf(node).writtenEnd).toBe(0);
  });

  test("gave its word before the transaction ended: a batch that comes late begins no other", async () => {
    let pass = () => {};
    let asked = 0;
    const node = await withTopic({
      verify: () => {
        if (asked++ === 0) return new Promise((resolve) => (pass = resolve));
        return Promise.reject(new Refusal("invalid_txn_state", "It has ended."));
      },
    });
    const late = node.broker.append(somebody, inTransaction({ sequence: 0 }));
    late.catch(() => {});
    await node.clock.settle();
    await end(node, { epoch: 0, commit: false, version: 1 });
    pass();
    await node.clock.settle();
    expect(await late.catch((error: unknown) => error)).toMatchObject({
      code: "invalid_txn_state",
    });
    expect(asked).toBe(2);
  });

  test("is not asked by who has no transactional id", async () => {
    const node = await withTopic();
    const { transactional: _left, ...without } = inTransaction({ sequence: 0 });
    expect(await send(node, without)).toEqual(["transactional_id_authorization_failed"]);
  });
});
