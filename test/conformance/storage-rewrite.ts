/**
 * What every Storage must do when compaction puts other rows in the place of those that were there.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { PartitionId, Rewrite, Row } from "../../src/storage/storage.ts";
import { append, type BatchShape } from "./batches.ts";
import { type StorageHarness, StorageWorld } from "./storage-world.ts";

const ROW_BYTES = 70_000;

/** The row that holds these batches, as a rewrite takes it. */
function row(...shapes: readonly BatchShape[]) {
  const { base, last, epoch, count, data } = append(...shapes);
  return { base, last, epoch, count, data };
}

export function storageRewriteContract(name: string, make: () => Promise<StorageHarness>): void {
  describe(`storage rewrite contract: ${name}`, () => {
    let world: StorageWorld;
    let partition: PartitionId;

    /** Ten rows of ten records, each 70,000 bytes; the timestamps of the third are the largest until the eighth. */
    beforeEach(async () => {
      world = await StorageWorld.make(make);
      partition = await world.onePartition();
      for (let base = 0; base < 100; base += 10) {
        const timestampMs = base === 20 ? 75 : base;
        await world.commit(partition, [
          append({ base, records: 10, bytes: ROW_BYTES, timestampMs }),
        ]);
      }
    });
    afterEach(() => world.dispose());

    const rows = async (): Promise<readonly Row[]> =>
      (await world.storage.read(partition, 0, Infinity)).rows;
    const rewrite = (entry: Omit<Rewrite, "type">): Rewrite => ({ type: "rewrite", ...entry });
    const small = () =>
      rewrite({
        from: 10,
        to: 39,
        replaced: 3,
        rows: [row({ base: 10, records: 10 }, { base: 30, records: 10, bytes: 500 })],
      });

    test("rows give way to fewer at the same offsets; the others stay", async () => {
      const before = await rows();
      await world.commit(partition, [small()]);
      await world.reopen();
      const after = await rows();
      expect(after.map(({ base, last }) => [base, last])).toEqual([
        [0, 9],
        [10, 39],
        ...[40, 50, 60, 70, 80, 90].map((base) => [base, base + 9]),
      ]);
      expect(after[1]?.data).toEqual(
        append({ base: 10, records: 10 }, { base: 30, records: 10, bytes: 500 }).data,
      );
      expect(after.slice(2)).toEqual(before.slice(4));
      expect(after[0]).toEqual(before[0]);
      const inHole = await world.storage.read(partition, 25, 1);
      expect(inHole.rows[0]?.base).toBe(10);
    });

    test("what a rewrite puts back is still there for those who read the same page", async () => {
      const kept = [
        row({ base: 10, records: 10 }),
        row({ base: 20, records: 20, bytes: ROW_BYTES }),
      ];
      const bytes = kept.map(({ data }) => data.slice());
      await world.commit(partition, [rewrite({ from: 10, to: 39, replaced: 3, rows: kept })]);
      expect(kept.map(({ data }) => data)).toEqual(bytes);
      expect((await rows()).slice(1, 3).map(({ data }) => data)).toEqual(bytes);
    });

    test("rows may go without a successor", async () => {
      await world.commit(partition, [rewrite({ from: 0, to: 29, replaced: 3, rows: [] })]);
      expect((await rows())[0]?.base).toBe(30);
      expect((await world.storage.read(partition, 0, 1)).rows[0]?.base).toBe(30);
      expect(await world.bounds(partition)).toMatchObject({ logStart: 0, end: 100 });
    });

    test("packing makes positions and the size exact, from the newest to the oldest", async () => {
      await world.commit(partition, [small()]);
      await world.commit(partition, [{ type: "pack", from: 40, to: 59 }]);
      await world.commit(partition, [
        { type: "pack", from: 0, to: 39 },
        { type: "cleaned", to: 60 },
      ]);
      await world.reopen();
      const kept = await rows();
      let end = 700_000;
      for (const { position, data } of kept.toReversed()) {
        expect(position).toBe(end - data.byteLength);
        end = position;
      }
      expect(await world.bounds(partition)).toMatchObject({
        startPosition: end,
        endPosition: 700_000,
        cleanedTo: 60,
      });
      expect(700_000 - end).toBe(7 * ROW_BYTES + 600);
      const at = await world.storage.locate(partition, { position: end + ROW_BYTES });
      expect(at?.base).toBe(10);
    });

    test("packing rows that outgrew those before them moves the log's start down to 0 at most", async () => {
      const grown = [row({ base: 0, records: 10, bytes: ROW_BYTES + 5000 })];
      await world.commit(partition, [rewrite({ from: 0, to: 9, replaced: 1, rows: grown })]);
      await world.commit(partition, [{ type: "pack", from: 0, to: 9 }]);
      expect(await world.bounds(partition)).toMatchObject({ startPosition: 0 });
      expect((await rows())[1]?.position).toBe(ROW_BYTES);
    });

    test("searches by time and offset go on", async () => {
      await world.commit(partition, [small()]);
      const sought = async (timestampMs: number) =>
        (await world.storage.seek(partition, timestampMs))?.base ?? null;
      expect(await Promise.all([0, 1, 75, 76, 91].map(sought))).toEqual([0, 10, 10, 80, null]);
      const held = async (offset: number) =>
        (await world.storage.locate(partition, { offset }))?.base ?? null;
      expect(await Promise.all([0, 9, 10, 25, 39, 40, 99, 100].map(held))).toEqual([
        0,
        0,
        10,
        10,
        10,
        40,
        90,
        null,
      ]);
      await world.commit(partition, [{ type: "trim", logStart: 45 }]);
      expect(await held(0)).toBe(40);
    });

    test("a rewrite goes with the appends of the same moment, and its guard holds", async () => {
      const guard = { epoch: 0, end: 100 };
      const outcomes = await Promise.allSettled([
        world.storage.commit({ partition, guard, entries: [small()], durability: "written" }),
        world.storage.commit({
          partition,
          guard,
          entries: [append({ base: 100 })],
          durability: "synced",
        }),
        world.storage.commit({
          partition,
          guard,
          entries: [{ type: "cleaned", to: 40 }],
          durability: "written",
        }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
      expect((await rows()).length).toBe(9);
      expect(await world.bounds(partition)).toMatchObject({ end: 101, cleanedTo: 0 });
    });

    test("truncation cuts a rewritten row and what was cleaned; the log goes on behind it", async () => {
      await world.commit(partition, [small(), { type: "cleaned", to: 60 }]);
      await world.commit(partition, [{ type: "truncate", end: 30 }]);
      expect((await rows()).map(({ base, last }) => [base, last])).toEqual([
        [0, 9],
        [10, 19],
      ]);
      const { endPosition, cleanedTo } = await world.bounds(partition);
      const newest = (await rows()).at(-1);
      expect([endPosition, cleanedTo]).toEqual([(newest?.position ?? 0) + 100, 30]);
      await world.commit(partition, [append({ base: 30 })]);
      await world.reopen();
      expect((await rows()).at(-1)).toMatchObject({ base: 30, position: endPosition });
    });

    test("a trim past rewritten rows leaves the size of what is kept", async () => {
      await world.commit(partition, [small()]);
      await world.commit(partition, [{ type: "trim", logStart: 35 }]);
      expect((await world.storage.read(partition, 35, 1)).rows[0]?.base).toBe(10);
      await world.commit(partition, [{ type: "trim", logStart: 90 }]);
      expect(await world.bounds(partition)).toMatchObject({ startPosition: 9 * ROW_BYTES });
    });

    test("an aborted transaction is forgotten alone", async () => {
      const aborted = (first: number, last: number) =>
        ({
          type: "aborted",
          transaction: { producerId: 7n, first, last, lastStable: last + 1 },
        }) as const;
      await world.commit(partition, [aborted(5, 9), aborted(12, 19), aborted(25, 40)]);
      await world.commit(partition, [small(), { type: "unaborted", last: 19 }]);
      await world.commit(partition, [{ type: "unaborted", last: 20 }]);
      await world.reopen();
      const left = await world.storage.aborted(partition, 0);
      expect(left.map(({ last }) => last)).toEqual([9, 40]);
      expect(await world.bounds(partition)).toMatchObject({ abortedEnd: 41 });
    });
  });
}
