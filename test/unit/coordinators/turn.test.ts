/**
 * One turn of a key: which inputs share it, and whose records are left as they are until they are appended.
 */
import { expect, test } from "bun:test";
import { defaultCoordinatorLimits } from "../../../src/coordinators/limits.ts";
import { Mailbox } from "../../../src/coordinators/mailbox.ts";
import { type Core, lateRecord, unchanged } from "../../../src/coordinators/step.ts";
import { takeTurn } from "../../../src/coordinators/turn.ts";
import { Deadlines } from "../../../src/lib/deadlines.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

/** Inputs are how many records each writes. */
function world(inputs: readonly number[]) {
  const clock = new VirtualClock();
  let made = 0;
  const record = () =>
    lateRecord(() => {
      made += 1;
      return { key: new Uint8Array(1), value: null };
    });
  const core: Core<number, number> = {
    step: (state, count) =>
      unchanged<number, number>((state ?? 0) + count, {
        records: Array.from({ length: count }, record),
      }),
    keyOf: () => "k",
    replay: (state) => state,
    replayMarker: (state) => state,
    loaded: 0,
    marker: () => 0,
  };
  const mailbox = new Mailbox<number, number>("k", new Deadlines(clock), () => {});
  for (const input of inputs) mailbox.queue.push({ input, timer: null, fail: null });
  const bounds = { bytesMax: Infinity, untilMs: Infinity };
  const turn = () =>
    takeTurn(mailbox, core, { nowMs: 0 }, defaultCoordinatorLimits, clock, bounds).posted.map(
      ({ input }) => input,
    );
  return { turn, made: () => made };
}

test("very many records of one input are not made bytes of, and it shares its turn with no other", () => {
  const { turn, made } = world([2_000, 3_000, 4]);
  expect([turn(), turn(), made()]).toEqual([[2_000], [3_000], 0]);
  expect([turn(), made()]).toEqual([[4], 4]);
});

test("inputs with few records share a turn, up to the first with very many", () => {
  const { turn } = world([3, 0, 4, 2_000]);
  expect([turn(), turn()]).toEqual([[3, 0, 4], [2_000]]);
});

test("what writes nothing is told apart from what came before or after it and may be too large", () => {
  const { turn } = world([0, 2_000, 0, 0]);
  expect([turn(), turn(), turn()]).toEqual([[0], [2_000], [0, 0]]);
});
