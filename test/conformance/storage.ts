/**
 * What every Storage must do, as cases over an interface: given a way to open one, and run by a thin test file for each
 * implementation. Here commits, guards and reads; `storage-log.ts` has the cases of a log's life.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Append, Fenced, type PartitionState } from "../../src/storage/storage.ts";
import { append } from "./batches.ts";
import { type StorageHarness, StorageWorld, caught, topicId } from "./storage-world.ts";

export function storageContract(name: string, make: () => Promise<StorageHarness>): void {
  describe(`storage contract: ${name}`, () => {
    let world: StorageWorld;

    beforeEach(async () => {
      world = await StorageWorld.make(make);
    });
    afterEach(() => world.dispose());

    test("a new storage is empty and lost nothing", async () => {
      expect(await world.storage.partitions()).toEqual([]);
      expect(world.storage.powerLost).toBe(false);
    });

    test("create gives each key its partition, again the same", async () => {
      const keys = [0, 1, 2].map((index) => ({ topicId, index }));
      const created = await world.storage.create(keys);
      expect(created.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(new Set(created.map(({ id }) => id)).size).toBe(3);
      expect(created[0]).toEqual({
        id: created[0]?.id ?? -1,
        topicId,
        index: 0,
        epochs: [],
        logStart: 0,
        end: 0,
        epoch: 0,
        reservedEnd: 0,
        startPosition: 0,
        endPosition: 0,
        maxTimestamp: -1,
        cleanedTo: 0,
        producersEnd: 0,
        abortedEnd: 0,
      });
      const again = await world.storage.create([...keys, { topicId, index: 3 }]);
      expect(again.slice(0, 3)).toEqual(created);
      expect(await world.storage.partitions()).toEqual(again);
    });

    test("a drop forgets a partition, and its number is never given again", async () => {
      const partition = await world.onePartition();
      await world.commit(partition, [append({ base: 0 })]);
      await world.storage.drop([partition]);
      expect(await world.storage.bounds(partition)).toBeNull();
      expect(await world.storage.read(partition, 0, 1000)).toEqual({ rows: [], logStart: 0 });
      expect(await world.storage.partitions()).toEqual([]);
      await world.reopen();
      const successor = await world.onePartition();
      expect(successor).toBeGreaterThan(partition);
      expect((await world.storage.read(successor, 0, 1000)).rows).toEqual([]);
      const late = { partition, guard: { epoch: 0, end: 1 }, durability: "synced" } as const;
      expect(
        await caught(world.storage.commit({ ...late, entries: [append({ base: 1 })] })),
      ).toBeInstanceOf(Fenced);
    });

    test("appends are read back byte for byte, also after a restart", async () => {
      const partition = await world.onePartition();
      const written = [
        append({ base: 0 }),
        append({ base: 1, records: 10 }, { base: 11, records: 5, bytes: 3000 }),
        append({ base: 16, bytes: 100_000 }),
        append({ base: 17, bytes: 1_048_588 }),
        append({ base: 18 }),
      ];
      const copies = written.map(({ data }) => data.slice());
      for (const entry of written) await world.commit(partition, [entry]);
      for (const [at, { data }] of written.entries())
        expect(Bun.hash(data)).toBe(Bun.hash(copies[at] ?? ""));
      const whole = Bun.hash(Buffer.concat(copies));
      expect(Bun.hash(await world.bytesFrom(partition, 0))).toBe(whole);
      await world.reopen();
      expect(Bun.hash(await world.bytesFrom(partition, 0))).toBe(whole);
      const total = copies.reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(await world.bounds(partition)).toEqual({
        logStart: 0,
        end: 19,
        epoch: 0,
        reservedEnd: 10_001,
        startPosition: 0,
        endPosition: total,
        maxTimestamp: 18,
        cleanedTo: 0,
        producersEnd: 19,
        abortedEnd: 0,
      });
      expect((await world.storage.partitions())[0]?.epochs).toEqual([{ epoch: 0, start: 0 }]);
    });

    test("commits made at once keep their order and share syncs", async () => {
      const keys = [0, 1, 2].map((index) => ({ topicId, index }));
      const partitions = (await world.storage.create(keys)).map(({ id }) => id);
      const before = await world.storage.stats();
      const commits: Promise<void>[] = [];
      for (let end = 0; end < 50; end += 1)
        for (const partition of partitions)
          commits.push(
            world.storage.commit({
              partition,
              guard: { epoch: 0, end },
              durability: "synced",
              entries: [append({ base: end, timestampMs: 1000 - end })],
            }),
          );
      await Promise.all(commits);
      const after = await world.storage.stats();
      expect(after.syncs - before.syncs).toBeLessThan(10);
      for (const partition of partitions) {
        const expected = Array.from(
          { length: 50 },
          (_, base) => append({ base, timestampMs: 1000 - base }).data,
        );
        expect(await world.bytesFrom(partition, 0)).toEqual(
          Uint8Array.from(Buffer.concat(expected)),
        );
        expect(await world.bounds(partition)).toMatchObject({
          end: 50,
          maxTimestamp: 1000,
          endPosition: 5000,
        });
      }
    });

    test("a read begins with the row that holds the offset and keeps to about its size", async () => {
      const partition = await world.onePartition();
      for (let base = 0; base < 100; base += 10)
        await world.commit(partition, [append({ base, records: 10, bytes: 70_000 })]);
      const from35 = await world.storage.read(partition, 35, 150_000);
      expect(from35.rows.map(({ base, last }) => [base, last])).toEqual([
        [30, 39],
        [40, 49],
      ]);
      expect(from35.rows.map(({ position }) => position)).toEqual([210_000, 280_000]);
      expect((await world.storage.read(partition, 95, 1)).rows.map(({ base }) => base)).toEqual([
        90,
      ]);
      expect((await world.storage.read(partition, 100, 1)).rows).toEqual([]);
      expect((await world.storage.read(partition, 5_000_000_000, 1)).rows).toEqual([]);
    });

    test("reads asked for at once answer each for itself", async () => {
      const keys = Array.from({ length: 20 }, (_, index) => ({ topicId, index }));
      const partitions = await world.storage.create(keys);
      await Promise.all(
        partitions.map(({ id, index }) =>
          world.commit(id, [append({ base: 0, records: index + 1 })]),
        ),
      );
      const reads = await Promise.all(partitions.map(({ id }) => world.storage.read(id, 0, 1000)));
      expect(reads.map(({ rows }) => rows[0]?.last)).toEqual(keys.map(({ index }) => index));
    });

    test("a guard that does not hold refuses its change alone", async () => {
      const [one, two] = await world.storage.create([0, 1].map((index) => ({ topicId, index })));
      const change = (state: PartitionState | undefined, end: number, entry: Append, epoch = 0) =>
        world.storage.commit({
          partition: state?.id ?? -1,
          guard: { epoch, end },
          entries: [entry],
          durability: "synced",
        });
      const outcomes = await Promise.allSettled([
        change(one, 0, append({ base: 0 })),
        change(two, 5, append({ base: 5 })),
        change(one, 0, append({ base: 0, bytes: 200 })),
        change(one, 1, append({ base: 1 })),
        change(two, 0, append({ base: 0, epoch: 3 }), 2),
      ]);
      expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([
        true,
        false,
        false,
        true,
        false,
      ]);
      const refused = outcomes.flatMap((each) =>
        each.status === "rejected" ? [each.reason as unknown] : [],
      );
      expect(refused.every((error) => error instanceof Fenced)).toBe(true);
      expect(refused.map((error) => (error instanceof Fenced ? error.actual : null))).toEqual([
        { epoch: 0, end: 0 },
        { epoch: 0, end: 1 },
        { epoch: 0, end: 0 },
      ]);
      expect(await world.bounds(one?.id ?? -1)).toMatchObject({ end: 2, endPosition: 200 });
      expect(await world.bounds(two?.id ?? -1)).toMatchObject({ end: 0, endPosition: 0 });
    });

    test("written commits survive a restart and cost no sync", async () => {
      const partition = await world.onePartition();
      await world.commit(partition, [append({ base: 0 })]);
      const before = await world.storage.stats();
      for (let end = 1; end < 20; end += 1)
        await world.storage.commit({
          partition,
          guard: { epoch: 0, end },
          durability: "written",
          entries: [append({ base: end })],
        });
      expect((await world.storage.stats()).syncs).toBe(before.syncs);
      await world.reopen();
      expect(await world.bounds(partition)).toMatchObject({ end: 20 });
    });

    test("a written commit that crosses the reserved end is synced", async () => {
      const partition = await world.onePartition();
      const written = async (base: number, records: number) => {
        const { syncs } = await world.storage.stats();
        await world.storage.commit({
          partition,
          guard: { epoch: 0, end: base },
          durability: "written",
          entries: [append({ base, records })],
        });
        return (await world.storage.stats()).syncs - syncs;
      };
      // An empty log has reserved nothing: what its first append reserves must outlive a power cut.
      expect(await written(0, 1)).toBe(1);
      expect(await written(1, 10_000)).toBe(0);
      expect(await written(10_001, 1)).toBe(1);
      expect(await world.bounds(partition)).toMatchObject({ end: 10_002, reservedEnd: 20_002 });
    });

    test("a closed storage refuses commits", async () => {
      const partition = await world.onePartition();
      const pending = world.storage.commit({
        partition,
        guard: { epoch: 0, end: 0 },
        durability: "synced",
        entries: [append({ base: 0 })],
      });
      await world.storage.close();
      await pending;
      const late = {
        partition,
        guard: { epoch: 0, end: 1 },
        entries: [],
        durability: "synced",
      } as const;
      expect(await caught(world.storage.commit(late))).toMatchObject({
        name: "StorageFault",
        kind: "closed",
      });
      await world.reopen();
      expect(await world.bounds(partition)).toMatchObject({ end: 1 });
    });

    test("reads and commits under way at close are settled", async () => {
      const partition = await world.onePartition();
      await world.commit(partition, [append({ base: 0 })]);
      const reads = Array.from({ length: 600 }, () => world.storage.read(partition, 0, 1000));
      const commit = world.storage.commit({
        partition,
        guard: { epoch: 0, end: 1 },
        entries: [append({ base: 1 })],
        durability: "synced",
      });
      const settled = Promise.allSettled([...reads, commit]);
      await world.storage.close();
      const refused = (await settled).flatMap((each) =>
        each.status === "rejected" ? [each.reason as unknown] : [],
      );
      for (const reason of refused) expect(reason).toMatchObject({ kind: "closed" });
      await commit;
      await world.reopen();
      expect(await world.bounds(partition)).toMatchObject({ end: 2 });
    });
  });
}
