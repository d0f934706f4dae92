/** Long lists: in order, bounded in what is under way, and with turns for others. */
import { expect, test } from "bun:test";
import { mapInTurns, mapNestedInTurns } from "../../../src/lib/async.ts";
import type { Clock, Timer } from "../../../src/lib/clock.ts";

/** Time that passes by a millisecond a look, and counts the turns that were given. */
class BusyClock implements Clock {
  turns = 0;
  #ms = 0;

  nowMs(): number {
    return this.#ms;
  }
  monotonicMs(): number {
    return this.#ms++;
  }
  after(): Timer {
    return { cancel: () => {} };
  }
  turn(): Promise<void> {
    this.turns += 1;
    return Promise.resolve();
  }
}

test("results are in order, few are under way at once, and others get their turn", async () => {
  // Slow enough that each hundred is cut short by its time.
  const clock = new BusyClock();
  let [underWay, most] = [0, 0];
  const items = Array.from({ length: 2_500 }, (_, at) => at);
  const results = await mapInTurns(clock, items, async (item, at) => {
    underWay += 1;
    most = Math.max(most, underWay);
    await Promise.resolve();
    underWay -= 1;
    return [item, at];
  });
  expect(results).toEqual(items.map((item) => [item, item]));
  expect(most).toBeLessThan(10);
  expect(clock.turns).toBeGreaterThan(250);
});

test("lists in a list keep their form", async () => {
  const lists = [[1, 2], [], [3]];
  const own = (list: number[]) => list;
  const results = await mapNestedInTurns(
    new BusyClock(),
    lists,
    own,
    (item, list) => item * list.length,
  );
  expect(results).toEqual([[2, 4], [], [3]]);
});
