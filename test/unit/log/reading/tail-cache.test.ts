/**
 * The tail cache: bounds over all partitions, look-ups by offset, and that no small row pins a large buffer.
 */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { PartitionTail, TailCache } from "../../../../src/log/reading/tail-cache.ts";

const row = (base: number, count = 1, data = new Uint8Array(10)) => ({
  base,
  last: base + count - 1,
  epoch: 0,
  position: base * 10,
  data,
});

test("finds the rows from an offset on, within the bytes asked", () => {
  const cache = new TailCache(1000, 100);
  const tail = new PartitionTail();
  for (const base of [0, 5, 10]) cache.add(tail, row(base, 5));
  expect(tail.start).toBe(0);
  expect(tail.rows(7, 1000).map(({ base }) => base)).toEqual([5, 10]);
  expect(tail.rows(0, 11).map(({ base }) => base)).toEqual([0, 5]);
  expect(tail.rows(4, 1).map(({ base }) => base)).toEqual([0]);
  expect(tail.rows(15, 1000)).toEqual([]);
});

test("evicts the oldest of the node by bytes and by rows, and keeps count", () => {
  const cache = new TailCache(50, 4);
  const [one, other] = [new PartitionTail(), new PartitionTail()];
  for (let base = 0; base < 3; base += 1) cache.add(one, row(base));
  for (let base = 0; base < 2; base += 1) cache.add(other, row(base));
  expect([one.start, other.start, cache.bytes]).toEqual([1, 0, 40]);
  cache.clear(one);
  expect([one.start, cache.bytes]).toEqual([Infinity, 20]);
  cache.add(one, row(9, 1, new Uint8Array(51)));
  expect([one.start, cache.bytes]).toEqual([Infinity, 20]);
});

test("copies a small view of a large buffer, and no other", () => {
  const cache = new TailCache(1e6, 100);
  const tail = new PartitionTail();
  const small = new Uint8Array(100_000).subarray(7, 107).fill(3);
  const whole = new Uint8Array(1000);
  cache.add(tail, row(0, 1, small));
  cache.add(tail, row(1, 1, whole));
  const [copied, kept] = tail.rows(0, 1e6);
  expect(copied?.data).toEqual(small);
  expect(copied?.data.buffer.byteLength).toBe(100);
  expect(kept?.data).toBe(whole);
});

test("never passes its bounds and stays a gapless run, whatever happens", () => {
  const step = fc.record({
    tail: fc.nat(2),
    size: fc.integer({ min: 1, max: 60 }),
    clear: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
      const cache = new TailCache(200, 12);
      const tails = [0, 1, 2].map(() => ({ tail: new PartitionTail(), end: 0 }));
      for (const { tail: at, size, clear } of steps) {
        const owner = tails[at];
        if (!owner) continue;
        if (clear === 0) cache.clear(owner.tail);
        else {
          cache.add(owner.tail, row(owner.end, 1, new Uint8Array(size)));
          owner.end += 1;
        }
        let bytes = 0;
        for (const { tail, end } of tails) {
          const rows = tail.rows(0, Infinity);
          for (const { data } of rows) bytes += data.byteLength;
          if (rows.length > 0) expect(rows.at(-1)?.last).toBe(end - 1);
          expect(rows.length).toBe(rows.length === 0 ? 0 : end - (rows[0]?.base ?? 0));
        }
        expect(bytes).toBe(cache.bytes);
        expect(bytes).toBeLessThanOrEqual(200);
      }
    }),
    { numRuns: 20 },
  );
});
