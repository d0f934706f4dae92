/** Large reads that are shared and asked for ahead: how often the file is asked, and what is held. */
import { expect, test } from "bun:test";
import { ReadAhead } from "../../../../src/storage/reading/read-ahead.ts";
import type { ReadRows } from "../../../../src/storage/storage.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const MiB = 1024 * 1024;
const settled = () => new Promise((resolve) => setImmediate(resolve));
const PAGE = { type: "read", partition: 1, from: 0, bytesMax: MiB } as const;

/** A log of rows of 128 KiB and one offset each, up to `end`. */
function world(options: { end?: number; bytesMax?: number; holds?: boolean } = {}) {
  const { end = 1_000, bytesMax = 8 * MiB, holds = false } = options;
  const clock = new VirtualClock();
  clock.turn = () => {
    turns.count += 1;
    return Promise.resolve();
  };
  const turns = { count: 0 };
  const asked: number[] = [];
  const hurried: number[] = [];
  const back: number[] = [];
  const gate = Promise.withResolvers<void>();
  const log = { end, fails: false };
  const ahead = new ReadAhead({
    clock,
    bytesMax,
    hurry: ({ from }) => hurried.push(from),
    read: async ({ from, bytesMax: bytes }, isAhead): Promise<ReadRows> => {
      asked.push(from);
      if (isAhead && holds) await gate.promise;
      if (log.fails) throw new Error("the disk failed");
      const count = Math.min(Math.floor(bytes / (128 * 1024)), log.end - from);
      const rows = Array.from({ length: count }, (_, at) => ({
        base: from + at,
        last: from + at,
        epoch: 0,
        position: (from + at) * 128 * 1024,
        data: new Uint8Array(128 * 1024),
      }));
      return { rows, logStart: 0, done: () => back.push(from) };
    },
  });
  return { ahead, asked, back, hurried, gate, clock, log, turns };
}

test("readers that ask for the same page at once, or soon after, share one read", async () => {
  const { ahead, asked } = world();
  const [first, second] = await Promise.all([ahead.read(PAGE), ahead.read(PAGE)]);
  expect(second.rows).toBe(first.rows);
  expect((await ahead.read(PAGE)).rows).toBe(first.rows);
  expect(asked).toEqual([0]);
});

test("readers that share an answer get it one a turn", async () => {
  const { ahead, turns } = world();
  const turnsAt = new Set<number>();
  const reader = async () => {
    await ahead.read(PAGE);
    turnsAt.add(turns.count);
  };
  await Promise.all(Array.from({ length: 5 }, reader));
  expect(turnsAt.size).toBeGreaterThanOrEqual(4);
});

test("who reads on finds the next page under way, once", async () => {
  const { ahead, asked } = world();
  for (const from of [0, 8, 16, 24]) {
    const { rows } = await ahead.read({ ...PAGE, from });
    expect(rows[0]?.base).toBe(from);
  }
  expect(asked).toEqual([0, 8, 16, 24, 32]);
});

test("a lone reader's pages are let go, but for the one ahead of it", async () => {
  const { ahead } = world();
  for (const from of [0, 8, 16, 24]) await ahead.read({ ...PAGE, from });
  expect(ahead.bytes).toBeLessThanOrEqual(MiB);
});

test("nothing is read ahead for a reader that jumps", async () => {
  const jumping = world();
  for (const from of [0, 100, 300]) await jumping.ahead.read({ ...PAGE, from });
  expect(jumping.asked).toEqual([0, 100, 300]);
});

test("of many partitions each has its next page under way, within half of the bound", async () => {
  const { ahead, asked } = world({ bytesMax: 8 * MiB });
  for (const from of [0, 8])
    for (let partition = 1; partition <= 6; partition += 1)
      await ahead.read({ ...PAGE, partition, from });
  expect(asked.filter((from) => from === 16).length).toBe(4);
  expect(ahead.bytes).toBeLessThanOrEqual(4 * MiB);
});

test("a page that is still under way is hurried for its reader, and given without a turn", async () => {
  const { ahead, asked, hurried, gate, turns } = world({ holds: true });
  for (const from of [0, 8]) await ahead.read({ ...PAGE, from });
  const reading = ahead.read({ ...PAGE, from: 16 });
  expect(hurried).toEqual([16]);
  gate.resolve();
  expect((await reading).rows[0]?.base).toBe(16);
  expect(asked).toEqual([0, 8, 16, 24]);
  expect(turns.count).toBe(0);
});

test("pages read ahead stay where others must make room", async () => {
  const { ahead, asked } = world({ bytesMax: 4 * MiB });
  for (const from of [0, 8]) await ahead.read({ ...PAGE, from });
  for (let partition = 2; partition < 8; partition += 1) {
    const page = { ...PAGE, partition };
    await Promise.all([ahead.read(page), ahead.read(page)]);
  }
  expect(ahead.bytes).toBeLessThanOrEqual(4 * MiB);
  asked.length = 0;
  await ahead.read({ ...PAGE, from: 16 });
  expect(asked).toEqual([24]);
});

test("a page that reached the end of the log is not kept: more may have come", async () => {
  const { ahead, asked, log } = world({ end: 3 });
  expect((await ahead.read(PAGE)).rows.length).toBe(3);
  log.end = 5;
  expect((await ahead.read(PAGE)).rows.length).toBe(5);
  expect(asked).toEqual([0, 0]);
  expect(ahead.bytes).toBe(0);
});

test("a read that failed is asked again", async () => {
  const { ahead, asked, log } = world();
  log.fails = true;
  const outcome = await ahead.read(PAGE).catch(String);
  expect(outcome).toBe("Error: the disk failed");
  log.fails = false;
  expect((await ahead.read(PAGE)).rows.length).toBe(8);
  expect(asked).toEqual([0, 0]);
});

test("a log that was changed is read anew, and only that one", async () => {
  const { ahead, asked } = world();
  const two = { ...PAGE, partition: 2 };
  await Promise.all([ahead.read(PAGE), ahead.read(PAGE), ahead.read(two), ahead.read(two)]);
  ahead.forget(1);
  await ahead.read({ ...PAGE, partition: 2 });
  expect(asked).toEqual([0, 0]);
  await ahead.read(PAGE);
  expect(asked).toEqual([0, 0, 0]);
});

test("what is kept is bounded in bytes, and forgotten once nobody reads it", async () => {
  const { ahead, clock } = world({ bytesMax: 3 * MiB });
  for (let from = 0; from < 80; from += 8) {
    const page = { ...PAGE, from };
    await Promise.all([ahead.read(page), ahead.read(page)]);
    expect(ahead.bytes).toBeLessThanOrEqual(3 * MiB);
  }
  expect(ahead.bytes).toBeGreaterThan(0);
  await clock.advance(2_000);
  expect(ahead.bytes).toBe(0);
});

test("small reads, and those too large to be kept, go to the file each time", async () => {
  const { ahead, asked } = world({ bytesMax: 4 * MiB });
  for (const bytesMax of [128 * 1024, 128 * 1024, 3 * MiB, 3 * MiB])
    await ahead.read({ ...PAGE, bytesMax });
  expect(asked.length).toBe(4);
});

test("a page's memory goes back when its reader has done with it, once", async () => {
  const { ahead, back } = world();
  const { done } = await ahead.read(PAGE);
  await settled();
  expect(back).toEqual([]);
  done?.();
  done?.();
  await settled();
  expect(back).toEqual([0]);
});

test("the memory of a page that is shared goes back when all have done with it and it is kept no longer", async () => {
  const { ahead, back, clock } = world();
  const readers = await Promise.all([ahead.read(PAGE), ahead.read(PAGE)]);
  for (const { done } of readers) done?.();
  const late = await ahead.read(PAGE);
  await settled();
  expect(back).toEqual([]);
  await clock.advance(2_000);
  expect(ahead.bytes).toBe(0);
  expect(back).toEqual([]);
  late.done?.();
  await settled();
  expect(back).toEqual([0]);
});

test("the memory of a page stays with a reader that does not say that it is done", async () => {
  const { ahead, back, clock } = world();
  const [first] = await Promise.all([ahead.read(PAGE), ahead.read(PAGE)]);
  first.done?.();
  ahead.forget(1);
  await clock.advance(5_000);
  expect(back).toEqual([]);
});

test("the memory of a page that was read ahead in vain goes back, also where it came after it was forgotten", async () => {
  const { ahead, back, gate } = world({ holds: true });
  for (const from of [0, 8]) await ahead.read({ ...PAGE, from });
  await settled();
  ahead.forget(1);
  await settled();
  expect(back).toEqual([]);
  gate.resolve();
  await settled();
  expect(back).toEqual([16]);
});

test("of several readers the first waits for its turn like the others; a lone one does not", async () => {
  for (const readers of [1, 2]) {
    const { ahead, turns } = world();
    for (const from of [0, 8])
      await Promise.all(Array.from({ length: readers }, () => ahead.read({ ...PAGE, from })));
    turns.count = 0;
    await ahead.read({ ...PAGE, from: 16 });
    expect(turns.count).toBe(readers - 1);
  }
});

test("of a log with several readers nothing is read ahead while a page of it is under way", async () => {
  for (const [readers, expected] of [
    [1, [0, 8, 16, 400, 408, 416]],
    [2, [0, 8, 16, 400, 408]],
  ] as const) {
    const { ahead, asked } = world({ holds: true });
    for (const from of [0, 8, 400, 408])
      await Promise.all(Array.from({ length: readers }, () => ahead.read({ ...PAGE, from })));
    expect(asked).toEqual([...expected]);
  }
});
