/** Buffers that large reads are read into: which reads want one, when one is used again, how many are kept. */
import { describe, expect, test } from "bun:test";
import { Bug } from "../../../../src/lib/assert.ts";
import { pageBytesOf, PageBuffers } from "../../../../src/storage/reading/page-buffers.ts";
import type { PageBuffer } from "../../../../src/storage/messages/messages.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

const MiB = 1024 * 1024;
const LARGE = 8 * MiB;
const none = { heads: null, buffer: null };

function world(count = 2, sharedBuffersBytesMax = 0) {
  const clock = new VirtualClock();
  const told = { forgotten: 0 };
  const onForget = () => void (told.forgotten += 1);
  const limits = { pageBuffersBytesMax: count * LARGE, sharedBuffersBytesMax };
  const pages = new PageBuffers({ clock, limits, onForget });
  return { clock, pages, told };
}

function own(buffer: PageBuffer): ArrayBuffer {
  if (buffer instanceof ArrayBuffer) return buffer;
  throw new Error("no thread has another's buffer");
}

function shared(buffer: PageBuffer): SharedArrayBuffer {
  if (buffer instanceof SharedArrayBuffer) return buffer;
  throw new Error("a buffer that moves from thread to thread");
}

describe("a buffer is wanted", () => {
  const cases: [string, number, number | null][] = [
    ["for a read that may fill it", LARGE, LARGE],
    ["for one that may fill half of it", LARGE / 2, LARGE],
    ["not for one that may not fit", LARGE + 1, null],
    ["not for one that would leave most of it empty", LARGE / 2 - 1, null],
    ["of a size of its own for a consumer's partition", MiB, MiB],
    ["nor there for a small one", MiB / 2 - 1, null],
  ];
  for (const [name, bytesMax, size] of cases)
    test(name, () =>
      expect(pageBytesOf({ type: "read", partition: 1, from: 0, bytesMax })).toBe(size),
    );
});

test("a buffer that was given back is used again, so many are kept, and the others' memory is let go", () => {
  const { pages } = world();
  const [first, second, third] = [pages.take(LARGE), pages.take(LARGE), pages.take(LARGE)];
  for (const buffer of [first, second, third]) pages.giveBack(buffer);
  expect([pages.count, third.byteLength]).toEqual([2, 0]);
  expect([pages.take(LARGE), pages.take(LARGE)]).toEqual([second, first]);
  expect(pages.take(LARGE).byteLength).toBe(LARGE);
});

test("buffers of both sizes are kept beside each other, within one bound", () => {
  const { pages } = world(1);
  const small = pages.take(MiB);
  const large = pages.take(LARGE);
  pages.giveBack(small);
  pages.giveBack(large);
  expect([pages.count, large.byteLength]).toEqual([1, 0]);
  expect(pages.take(LARGE).byteLength).toBe(LARGE);
  expect(pages.take(MiB)).toBe(small);
});

test("rows of their own memory let go of it when they are done with", () => {
  const { pages } = world();
  const whole = new ArrayBuffer(MiB);
  const small = new Uint8Array(100);
  const row = { base: 0, last: 0, epoch: 0, position: 0 };
  const halves = [new Uint8Array(whole, 0, MiB / 2), new Uint8Array(whole, MiB / 2), small];
  const rows = halves.map((data) => ({ ...row, data }));
  const { done } = pages.rowsOf({ type: "read", rows, logStart: 0, ...none });
  done?.();
  expect([whole.byteLength, small.byteLength]).toEqual([0, 100]);
});

test("none is kept for long when nothing is read", async () => {
  const { clock, pages } = world();
  const buffer = pages.take(LARGE);
  await clock.advance(900);
  pages.giveBack(buffer);
  await clock.advance(900);
  expect(pages.count).toBe(1);
  await clock.advance(1_200);
  expect([pages.count, buffer.byteLength]).toEqual([0, 0]);
});

test("a buffer that is given back twice, or that moved on, is a bug", () => {
  const { pages } = world();
  const buffer = pages.take(LARGE);
  pages.giveBack(buffer);
  expect(() => pages.giveBack(buffer)).toThrow(Bug);
  pages.take(LARGE);
  own(buffer).transfer();
  expect(() => pages.giveBack(buffer)).toThrow(Bug);
});

test("what was read says what is to become of its buffer", () => {
  const { pages } = world();
  const answer = { type: "read", rows: [], logStart: 3 } as const;
  expect(pages.rowsOf({ ...answer, ...none })).toEqual({ rows: [], logStart: 3 });
  const unused = { buffer: pages.take(LARGE), heads: null };
  expect(pages.rowsOf({ ...answer, ...unused }).done).toBeUndefined();
  expect(pages.count).toBe(1);
  const used = { buffer: pages.take(LARGE), heads: Float64Array.of(7, 8, 0, 40, 3) };
  new Uint8Array(used.buffer).set([1, 2, 3]);
  const { rows, done } = pages.rowsOf({ ...answer, ...used });
  const data = Uint8Array.of(1, 2, 3);
  expect(rows).toEqual([{ base: 7, last: 8, epoch: 0, position: 40, data }]);
  expect(pages.count).toBe(0);
  done?.();
  expect(pages.count).toBe(1);
});

describe("what threads share", () => {
  test("has a number, and is used again; where it is all in use there are others", () => {
    const { pages } = world(2, LARGE + MiB);
    const first = shared(pages.take(LARGE));
    const small = shared(pages.take(MiB));
    expect([pages.numberOf(first), pages.numberOf(small)]).toEqual([1, 2]);
    const moved = own(pages.take(LARGE));
    for (const buffer of [moved, first]) pages.giveBack(buffer);
    expect([pages.take(LARGE), pages.take(LARGE)]).toEqual([first, moved]);
  });

  test("is within one bound, whatever its size", () => {
    const { pages } = world(2, LARGE);
    shared(pages.take(MiB));
    own(pages.take(LARGE));
    shared(pages.take(MiB));
  });

  test("is kept beyond the bound of the others", () => {
    const { pages } = world(1, LARGE);
    const [first, moved, last] = [
      pages.take(LARGE),
      own(pages.take(LARGE)),
      own(pages.take(LARGE)),
    ];
    for (const buffer of [moved, first, last]) pages.giveBack(buffer);
    expect([pages.count, last.byteLength]).toEqual([2, 0]);
  });

  test("is forgotten when nothing is read; who still has it gives it back to nobody", async () => {
    const { clock, pages, told } = world(2, 2 * LARGE);
    const [first, second] = [shared(pages.take(LARGE)), shared(pages.take(LARGE))];
    pages.giveBack(first);
    await clock.advance(2_100);
    expect([pages.count, told.forgotten]).toEqual([0, 1]);
    pages.giveBack(second);
    expect(pages.count).toBe(0);
    expect(pages.numberOf(shared(pages.take(LARGE)))).toBe(3);
  });
});
