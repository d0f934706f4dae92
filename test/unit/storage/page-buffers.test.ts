/** Buffers that large reads are read into: which reads want one, when one is used again, how many are kept. */
import { describe, expect, test } from "bun:test";
import { Bug } from "../../../src/lib/assert.ts";
import { PAGE_BUFFER_BYTES, PageBuffers, wantsPage } from "../../../src/storage/page-buffers.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

function world(count = 2) {
  const clock = new VirtualClock();
  return { clock, pages: new PageBuffers(clock, count * PAGE_BUFFER_BYTES) };
}

describe("a buffer is wanted", () => {
  const cases: [string, number, boolean][] = [
    ["for a read that may fill it", PAGE_BUFFER_BYTES, true],
    ["for one that may fill half of it", PAGE_BUFFER_BYTES / 2, true],
    ["not for a smaller one", PAGE_BUFFER_BYTES / 2 - 1, false],
    ["not for one that may not fit", PAGE_BUFFER_BYTES + 1, false],
  ];
  for (const [name, bytesMax, wanted] of cases)
    test(name, () =>
      expect(wantsPage({ type: "read", partition: 1, from: 0, bytesMax })).toBe(wanted),
    );
});

test("a buffer that was given back is used again, so many are kept, and the others' memory is let go", () => {
  const { pages } = world();
  const [first, second, third] = [pages.take(), pages.take(), pages.take()];
  for (const buffer of [first, second, third]) pages.giveBack(buffer);
  expect([pages.count, third.byteLength]).toEqual([2, 0]);
  expect([pages.take(), pages.take()]).toEqual([second, first]);
  expect(pages.take().byteLength).toBe(PAGE_BUFFER_BYTES);
});

test("none is kept for long when nothing is read", async () => {
  const { clock, pages } = world();
  const buffer = pages.take();
  await clock.advance(900);
  pages.giveBack(buffer);
  await clock.advance(900);
  expect(pages.count).toBe(1);
  await clock.advance(1_200);
  expect([pages.count, buffer.byteLength]).toEqual([0, 0]);
});

test("a buffer that is given back twice, or that moved on, is a bug", () => {
  const { pages } = world();
  const buffer = pages.take();
  pages.giveBack(buffer);
  expect(() => pages.giveBack(buffer)).toThrow(Bug);
  pages.take();
  buffer.transfer();
  expect(() => pages.giveBack(buffer)).toThrow(Bug);
});

test("what was read says what is to become of its buffer", () => {
  const { pages } = world();
  const answer = { type: "read", rows: [], logStart: 3 } as const;
  expect(pages.rowsOf({ ...answer, page: null })).toEqual({ rows: [], logStart: 3 });
  const unused = { buffer: pages.take(), isUsed: false };
  expect(pages.rowsOf({ ...answer, page: unused }).done).toBeUndefined();
  expect(pages.count).toBe(1);
  const used = { buffer: pages.take(), isUsed: true };
  const { done } = pages.rowsOf({ ...answer, page: used });
  expect(pages.count).toBe(0);
  done?.();
  expect(pages.count).toBe(1);
});
