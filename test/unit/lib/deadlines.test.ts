/** Deadlines of a process that stood still; what they do otherwise their users' tests show. */
import { expect, test } from "bun:test";
import type { Clock } from "../../../src/lib/clock.ts";
import { Deadlines } from "../../../src/lib/deadlines.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

/** A clock whose timers fire late by `byMs`, and whose turns are counted. */
function lateClock(byMs: number) {
  const virtual = new VirtualClock();
  const reading = new Map<number, () => void>();
  let turns = 0;
  const clock: Clock = {
    nowMs: () => virtual.nowMs(),
    monotonicMs: () => virtual.monotonicMs(),
    after: (delayMs, fire) => virtual.after(delayMs + byMs, fire),
    async turn() {
      await virtual.turn();
      turns += 1;
      reading.get(turns)?.();
    },
  };
  const onTurn = (turn: number, read: () => void) => void reading.set(turn, read);
  return { clock, virtual, onTurn, turns: () => turns };
}

test("what is taken back while the process reads what has arrived does not expire", async () => {
  const { clock, virtual, onTurn } = lateClock(5_000);
  const deadlines = new Deadlines(clock);
  const expired: string[] = [];
  const item = (name: string) => ({ expire: () => void expired.push(name) });
  const [heard, silent, later] = [item("heard"), item("silent"), item("later")];
  deadlines.add(heard, 100);
  deadlines.add(silent, 100);
  // Its heartbeat is read in one of the turns that follow the timer.
  onTurn(2, () => {
    deadlines.add(heard, 1_000);
    deadlines.add(later, 10);
  });
  await virtual.advance(5_200);
  expect(expired).toEqual(["silent"]);
  await virtual.advance(20_000);
  expect(expired).toEqual(["silent", "later", "heard"]);
  expect(deadlines.size).toBe(0);
});

test("a little late they expire at once", async () => {
  const { clock, virtual, turns } = lateClock(900);
  const deadlines = new Deadlines(clock);
  const expired: string[] = [];
  deadlines.add({ expire: () => void expired.push("one") }, 100);
  await virtual.advance(1_000);
  expect(expired).toEqual(["one"]);
  expect(turns()).toBe(0);
});
