/**
 * What every Storage must do with one log in its life: epochs, trims, truncation, places by time, receipts.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { append } from "./batches.ts";
import { type StorageHarness, StorageWorld } from "./storage-world.ts";

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
  });
}
