/**
 * Waiters and the deadlines they share: what wakes them, what they leave behind, and that thousands go in slices.
 */
import { describe, expect, test } from "bun:test";
import { Deadlines } from "../../../../src/lib/deadlines.ts";
import { Waiter, WakeQueue, Watchers } from "../../../../src/log/reading/waiters.ts";
import { VirtualClock } from "../../../simulation/virtual-clock.ts";

function place(slice = 100) {
  const clock = new VirtualClock();
  const deadlines = new Deadlines(clock);
  const queue = new WakeQueue(clock, slice);
  return { clock, deadlines, queue, watchers: new Watchers(queue) };
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending;
}

describe("a waiter", () => {
  test("is counted down over all the places it stands at", async () => {
    const { clock, deadlines, queue, watchers } = place();
    const other = new Watchers(queue);
    const waiter = new Waiter([watchers, other], 100, 1000, deadlines);
    watchers.readable(60);
    await clock.settle();
    expect(await isPending(waiter.woken)).toBe(true);
    other.readable(40);
    expect(await waiter.woken).toBe("bytes");
    expect([watchers.size, other.size, deadlines.size]).toEqual([0, 0, 0]);
  });

  test("ends by change, by time, by its client, once", async () => {
    const { clock, deadlines, watchers } = place();
    const leaving = new AbortController();
    const changed = new Waiter([watchers], 1, 1000, deadlines);
    watchers.changed();
    const late = new Waiter([watchers], 1, 1000, deadlines);
    const left = new Waiter([watchers], 1, 1000, deadlines, leaving.signal);
    leaving.abort();
    await clock.advance(999);
    expect(await isPending(late.woken)).toBe(true);
    await clock.advance(20);
    watchers.readable(5);
    expect(await Promise.all([changed.woken, late.woken, left.woken])).toEqual([
      "changed",
      "deadline",
      "aborted",
    ]);
    const gone = new Waiter([watchers], 1, 1000, deadlines, leaving.signal);
    expect(await gone.woken).toBe("aborted");
    expect([watchers.size, deadlines.size, clock.timers]).toEqual([0, 0, 0]);
  });

  test("in thousands shares one timer and wakes in slices", async () => {
    const { clock, deadlines, watchers } = place(100);
    const woken: number[] = [];
    for (let each = 0; each < 10_000; each += 1) {
      const waiter = new Waiter([watchers], 1, 20_000, deadlines);
      void waiter.woken.then(() => woken.push(each));
    }
    expect(clock.timers).toBe(1);
    watchers.readable(1);
    expect(watchers.size).toBe(0);
    await Promise.resolve();
    await Promise.resolve();
    expect(woken.length).toBe(100);
    await clock.settle();
    expect(woken.length).toBe(10_000);
    expect(woken).toEqual(woken.toSorted((a, b) => a - b));
    expect(deadlines.size).toBe(0);
  });
});

describe("deadlines", () => {
  test("fire in order, never early, and not when removed", async () => {
    const { clock, deadlines } = place();
    const fired: [string, number][] = [];
    const start = clock.monotonicMs();
    const item = (name: string) => ({
      expire: () => fired.push([name, clock.monotonicMs() - start]),
    });
    const removed = item("removed");
    deadlines.add(item("late"), 500);
    deadlines.add(item("soon"), 5);
    deadlines.add(removed, 100);
    deadlines.add(item("middle"), 101);
    deadlines.remove(removed);
    await clock.advance(1000);
    expect(fired.map(([name]) => name)).toEqual(["soon", "middle", "late"]);
    for (const [at, least] of [5, 101, 500].entries()) {
      expect(fired[at]?.[1]).toBeGreaterThanOrEqual(least);
      expect(fired[at]?.[1]).toBeLessThan(least + 11);
    }
    expect(clock.timers).toBe(0);
  });

  test("moved to a later time, fire once", async () => {
    const { clock, deadlines } = place();
    let fired = 0;
    const item = { expire: () => (fired += 1) };
    deadlines.add(item, 10);
    deadlines.add(item, 100);
    await clock.advance(50);
    expect(fired).toBe(0);
    await clock.advance(100);
    expect(fired).toBe(1);
  });
});
