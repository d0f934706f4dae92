/**
 * What every Storage must do with one log in its life: epochs, trims, truncation, places by time, receipts, producers,
 * aborted transactions.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import {
  ABORTED_READ_MAX,
  type PartitionId,
  type StoredProducer,
} from "../../src/storage/storage.ts";
import { append } from "./batches.ts";
import { type StorageHarness, StorageWorld, topicId } from "./storage-world.ts";

export function storageLogContract(name: string, make: () => Promise<StorageHarness>): void {
  describe(`storage log contract: ${name}`, () => {
    let world: StorageWorld;

    beforeEach(async () => {
      world = await StorageWorld.make(make);
    });
    afterEach(() => world.dispose());

    test("epochs begin where told; one in which nothing was written gives way", async () => {
      const partition = await world.onePartition();
      await world.commit(partition, [
        { type: "begin", epoch: 1, start: 0 },
        append({ base: 0, epoch: 1 }),
      ]);
      await world.commit(partition, [{ type: "begin", epoch: 2, start: 1 }]);
      await world.commit(partition, [{ type: "begin", epoch: 3, start: 10_001 }]);
      await world.commit(partition, [append({ base: 10_001, epoch: 3 })]);
      await world.commit(partition, [append({ base: 10_002, epoch: 5 })]);
      const expected = {
        end: 10_003,
        epoch: 5,
        reservedEnd: 20_002,
        epochs: [
          { epoch: 1, start: 0 },
          { epoch: 2, start: 1 },
          { epoch: 3, start: 10_001 },
          { epoch: 5, start: 10_002 },
        ],
      };
      expect((await world.storage.partitions())[0]).toMatchObject(expected);
      await world.reopen();
      expect((await world.storage.partitions())[0]).toMatchObject(expected);
      expect((await world.storage.read(partition, 1, 1)).rows[0]?.base).toBe(10_001);
      expect(
        (await world.storage.read(partition, 0, Infinity)).rows.map(({ epoch }) => epoch),
      ).toEqual([1, 3, 5]);
    });

    test("a first row that is larger than its reader has room for is told of, not read", async () => {
      const partition = await world.onePartition();
      await world.commit(partition, [append({ base: 0, records: 10, bytes: 70_000 })]);
      await world.commit(partition, [append({ base: 10, records: 10, bytes: 500 })]);
      const sizes = async (from: number, bytesMax: number, firstBytesMax?: number) => {
        const { rows, refusedBytes } = await world.storage.read(
          partition,
          from,
          bytesMax,
          firstBytesMax,
        );
        return [rows.map(({ data }) => data.byteLength), refusedBytes];
      };
      expect(await sizes(0, 1, 69_999)).toEqual([[], 70_000]);
      expect(await sizes(0, 1, 70_000)).toEqual([[70_000], undefined]);
      expect(await sizes(0, 1)).toEqual([[70_000], undefined]);
      expect(await sizes(0, 70_500, 1)).toEqual([[70_000, 500], undefined]);
      expect(await sizes(10, 1, 500)).toEqual([[500], undefined]);
      expect(await sizes(0, 1024 * 1024, 1)).toEqual([[70_000, 500], undefined]);
      expect(await sizes(20, 1, 1)).toEqual([[], undefined]);
    });

    test("trim moves the log start, the size and the epochs; rows below go", async () => {
      const partition = await world.onePartition();
      for (let base = 0; base < 100; base += 10) {
        const epoch = Math.floor(base / 40);
        await world.commit(partition, [append({ base, records: 10, bytes: 70_000, epoch })]);
      }
      await world.commit(partition, [{ type: "trim", logStart: 45 }]);
      expect(await world.bounds(partition)).toMatchObject({
        logStart: 45,
        startPosition: 280_000,
        endPosition: 700_000,
      });
      const { rows, logStart } = await world.storage.read(partition, 45, Infinity);
      expect([rows[0]?.base, logStart]).toEqual([40, 45]);
      expect((await world.storage.partitions())[0]?.epochs).toEqual([
        { epoch: 1, start: 45 },
        { epoch: 2, start: 80 },
      ]);
      await world.commit(partition, [{ type: "trim", logStart: 10 }]);
      expect(await world.bounds(partition)).toMatchObject({ logStart: 45 });
      expect((await world.storage.locate(partition, { position: 0 }))?.base).toBe(40);
      await world.commit(partition, [{ type: "trim", logStart: 100 }]);
      expect(await world.bounds(partition)).toMatchObject({
        logStart: 100,
        startPosition: 700_000,
        end: 100,
      });
      expect((await world.storage.read(partition, 100, Infinity)).rows).toEqual([]);
      await world.reopen();
      expect(await world.bounds(partition)).toMatchObject({
        logStart: 100,
        startPosition: 700_000,
        end: 100,
      });
    });

    test("truncate cuts rows, the straddling row at a batch, epochs and receipts", async () => {
      const partition = await world.onePartition();
      const key = (byte: number) => new Uint8Array(16).fill(byte);
      const receipt = (byte: number, last: number) =>
        ({
          type: "receipt",
          receipt: { key: key(byte), last, expiresMs: 1e12, value: key(byte) },
        }) as const;
      await world.commit(partition, [
        append({ base: 0, records: 10, timestampMs: 500 }),
        receipt(1, 9),
      ]);
      await world.commit(partition, [
        append(
          { base: 10, records: 5, epoch: 1 },
          { base: 15, records: 5, epoch: 1, timestampMs: 900 },
        ),
        receipt(2, 19),
      ]);
      await world.commit(partition, [append({ base: 20, epoch: 2, timestampMs: 2000 })]);
      await world.commit(partition, [{ type: "truncate", end: 17 }]);
      const cut = { end: 17, epoch: 1, endPosition: 200, maxTimestamp: 500, reservedEnd: 10_010 };
      expect(await world.bounds(partition)).toMatchObject(cut);
      expect(await world.bytesFrom(partition, 0)).toEqual(
        append({ base: 0, records: 10, timestampMs: 500 }, { base: 10, records: 5, epoch: 1 }).data,
      );
      expect(await world.storage.receipt(partition, key(1))).not.toBeNull();
      expect(await world.storage.receipt(partition, key(2))).toBeNull();
      expect((await world.storage.partitions())[0]?.epochs).toEqual([
        { epoch: 0, start: 0 },
        { epoch: 1, start: 10 },
      ]);
      await world.commit(partition, [append({ base: 17, epoch: 4 })]);
      await world.commit(partition, [{ type: "truncate", end: 0 }]);
      await world.reopen();
      expect(await world.bounds(partition)).toMatchObject({
        end: 0,
        epoch: 0,
        endPosition: 0,
        maxTimestamp: -1,
      });
      expect((await world.storage.read(partition, 0, 1)).rows).toEqual([]);
    });

    test("seek and locate find the first row that reaches a time or a position", async () => {
      const partition = await world.onePartition();
      const timestamps = [100, 300, 200, 50, 400, 400, 600];
      for (const [base, timestampMs] of timestamps.entries())
        await world.commit(partition, [append({ base, timestampMs, bytes: 70_000 })]);
      const sought = async (timestampMs: number) =>
        (await world.storage.seek(partition, timestampMs))?.base ?? null;
      expect(await Promise.all([0, 100, 101, 301, 400, 401, 601].map(sought))).toEqual([
        0,
        0,
        1,
        4,
        4,
        6,
        null,
      ]);
      expect((await world.storage.seek(partition, 401))?.data).toEqual(
        append({ base: 6, timestampMs: 600, bytes: 70_000 }).data,
      );
      const located = async (position: number) =>
        (await world.storage.locate(partition, { position }))?.base ?? null;
      expect(await Promise.all([0, 1, 70_000, 70_001, 420_000, 420_001].map(located))).toEqual([
        0,
        1,
        1,
        2,
        6,
        null,
      ]);
      expect((await world.storage.locate(partition, { timestampMs: 301 }))?.base).toBe(4);
      await world.commit(partition, [{ type: "trim", logStart: 3 }]);
      expect(await Promise.all([0, 300, 401].map(sought))).toEqual([3, 3, 6]);
    });

    test("receipts are kept, replaced and forgotten", async () => {
      const partition = await world.onePartition();
      const key = new TextEncoder().encode("a\0b");
      const put = async (last: number, expiresMs: number) => {
        const receipt = { key, last, expiresMs, value: Uint8Array.of(last, 0, 255) };
        await world.commit(partition, [append({ base: last }), { type: "receipt", receipt }]);
        return receipt;
      };
      await put(0, 1000);
      const second = await put(1, 2000);
      expect(await world.storage.receipt(partition, key)).toEqual(second);
      expect(await world.storage.receipt(partition, Uint8Array.of(1))).toBeNull();
      await world.storage.forgetReceipts(2000);
      expect(await world.storage.receipt(partition, key)).toEqual(second);
      await world.reopen();
      await world.storage.forgetReceipts(2001);
      expect(await world.storage.receipt(partition, key)).toBeNull();
    });

    test("producers are stored as of an offset, and what comes later is known to be missing", async () => {
      const [partition, other] = await made(world, 2);
      const stored = async () => (await world.storage.producers()).get(partition) ?? [];
      const endOf = async () => (await world.bounds(partition)).producersEnd;
      await world.commit(partition, [append({ base: 0, records: 3 })]);
      expect(await endOf()).toBe(3);
      await world.commit(partition, [append({ base: 3, producerId: 7n })]);
      await world.commit(partition, [append({ base: 4 })]);
      await world.commit(partition, [{ type: "begin", epoch: 1, start: 10 }]);
      expect(await endOf()).toBe(3);
      expect(await stored()).toEqual([]);
      const huge = producer(2n ** 63n - 1n, { transactionStart: 2 ** 52 + 1, lastTimestamp: -1 });
      const first = {
        type: "producers",
        end: 10,
        changed: [producer(7n), huge],
        gone: [],
      } as const;
      // In front of the append that it rides with, which may be of a producer again.
      await world.commit(partition, [first, append({ base: 10, epoch: 1, producerId: 7n })]);
      await world.commit(other, [{ ...first, end: 0, changed: [producer(7n, { epoch: 9 })] }]);
      expect(await endOf()).toBe(10);
      expect(byId(await stored())).toEqual([producer(7n), huge]);
      const second = { ...first, end: 11, changed: [producer(7n, { epoch: 1 })], gone: [huge.id] };
      await world.commit(partition, [second]);
      await world.commit(partition, [append({ base: 11, epoch: 1 })]);
      await world.reopen();
      expect(await endOf()).toBe(12);
      expect(await stored()).toEqual([producer(7n, { epoch: 1 })]);
      await world.storage.drop([partition]);
      expect([...(await world.storage.producers()).keys()]).toEqual([other]);
    });

    test("truncation below what producers were stored as of forgets them; above it they stay", async () => {
      const [partition] = await made(world, 1);
      const put = { type: "producers", changed: [producer(7n)], gone: [] } as const;
      await world.commit(partition, [append({ base: 0, records: 10, producerId: 7n })]);
      await world.commit(partition, [
        { ...put, end: 10 },
        append({ base: 10, records: 10, producerId: 7n }),
      ]);
      await world.commit(partition, [{ type: "truncate", end: 10 }]);
      expect((await world.bounds(partition)).producersEnd).toBe(10);
      expect((await world.storage.producers()).get(partition)).toEqual([producer(7n)]);
      await world.commit(partition, [{ type: "truncate", end: 5 }]);
      expect((await world.bounds(partition)).producersEnd).toBe(0);
      expect((await world.storage.producers()).has(partition)).toBe(false);
    });

    test("aborted transactions are found by their markers, until they are cut or trimmed", async () => {
      const [partition, other] = await made(world, 2);
      const aborted = async (from: number) =>
        (await world.storage.aborted(partition, from)).map(({ last }) => last);
      const put = (producerId: bigint, first: number, last: number) => {
        const transaction = { producerId, first, last, lastStable: last + 1 };
        return [
          append({ base: last, producerId }),
          { type: "aborted", transaction } as const,
        ] as const;
      };
      await world.commit(partition, put(7n, 0, 3));
      await world.commit(partition, [...put(2n ** 63n - 1n, 1, 5), ...put(8n, 4, 6)]);
      await world.commit(other, put(7n, 0, 100));
      await world.reopen();
      expect(await aborted(0)).toEqual([3, 5, 6]);
      expect(await aborted(4)).toEqual([5, 6]);
      expect((await world.storage.aborted(partition, 5))[0]).toEqual({
        producerId: 2n ** 63n - 1n,
        first: 1,
        last: 5,
        lastStable: 6,
      });
      expect(await aborted(7)).toEqual([]);
      expect((await world.bounds(partition)).abortedEnd).toBe(7);
      await world.commit(partition, [{ type: "truncate", end: 6 }]);
      expect(await aborted(0)).toEqual([3, 5]);
      expect((await world.bounds(partition)).abortedEnd).toBe(6);
      await world.commit(partition, [{ type: "trim", logStart: 5 }]);
      expect(await aborted(5)).toEqual([5]);
      expect((await world.storage.aborted(other, 0)).map(({ last }) => last)).toEqual([100]);
    });

    test("a look-up gives a bounded number of aborted transactions", async () => {
      const [partition] = await made(world, 1);
      const entries = Array.from({ length: ABORTED_READ_MAX + 5 }, (_, at) => {
        const transaction = { producerId: 1n, first: at, last: at, lastStable: at + 1 };
        return [append({ base: at, producerId: 1n }), { type: "aborted", transaction }] as const;
      });
      await world.commit(partition, entries.flat());
      expect((await world.storage.aborted(partition, 0)).length).toBe(ABORTED_READ_MAX);
      expect((await world.storage.aborted(partition, ABORTED_READ_MAX)).length).toBe(5);
    });
  });
}

async function made(world: StorageWorld, count: number): Promise<[PartitionId, PartitionId]> {
  const keys = Array.from({ length: count }, (_, index) => ({ topicId, index }));
  const [first, second] = await world.storage.create(keys);
  return [first?.id ?? -1, second?.id ?? -1];
}

function producer(id: bigint, more: Partial<StoredProducer> = {}): StoredProducer {
  return {
    id,
    epoch: 0,
    coordinatorEpoch: -1,
    lastTimestamp: 1_700_000_000_000,
    transactionStart: -1,
    batches: Uint8Array.of(1, 0, 255),
    ...more,
  };
}

function byId(producers: readonly StoredProducer[]): StoredProducer[] {
  return producers.toSorted((one, other) => (one.id < other.id ? -1 : 1));
}
