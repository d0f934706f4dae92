/** What clients have not taken makes answers shorter, then makes them wait. */
import { expect, test } from "bun:test";
import { kafkaLimits } from "../../../src/kafka/limits.ts";
import { UnsentAnswers } from "../../../src/kafka/unsent-answers.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

const MiB = 1024 * 1024;

function unsentOf(unsentBytesMax: number): UnsentAnswers {
  return new UnsentAnswers(new VirtualClock(), { ...kafkaLimits, unsentBytesMax });
}

test("answers get shorter as the room is used up, and always have a little", async () => {
  const unsent = unsentOf(10 * MiB);
  const first = await unsent.reserve(8 * MiB);
  expect([first.bytes, unsent.bytes]).toEqual([8 * MiB, 8 * MiB]);
  const second = await unsent.reserve(8 * MiB);
  expect(second.bytes).toBe(2 * MiB);
  const third = await unsent.reserve(8 * MiB);
  expect([third.bytes, third.aside]).toEqual([32 * 1024, MiB]);
  unsent.settle(first, 100);
  unsent.settle(second, 0);
  unsent.settle(third, MiB);
  expect(unsent.bytes).toBe(100 + MiB);
  unsent.remove(100);
  unsent.remove(MiB);
  expect(unsent.bytes).toBe(0);
});

test("past twice the room an answer waits until somebody took theirs", async () => {
  const unsent = unsentOf(MiB);
  const held = [await unsent.reserve(MiB), await unsent.reserve(MiB)];
  const told: string[] = [];
  const waiting = [1, 2].map(async (n) => {
    await unsent.reserve(MiB);
    told.push(`turn ${n}`);
  });
  await Promise.resolve();
  expect([told, unsent.pressed]).toEqual([[], true]);
  for (const grant of held) unsent.settle(grant, 0);
  await Promise.all(waiting);
  expect([told, unsent.pressed]).toEqual([["turn 1", "turn 2"], false]);
});

test("a batch that is known to be large is set aside whole, and waits for as much", async () => {
  const unsent = unsentOf(2 * MiB);
  const held = await unsent.reserve(2 * MiB);
  let granted = 0;
  const waiting = unsent
    .reserve(MiB, 3 * MiB)
    .then(({ bytes, aside }) => (granted = bytes + aside));
  await Promise.resolve();
  expect([granted, unsent.pressed]).toEqual([0, true]);
  unsent.settle(held, 0);
  await waiting;
  expect([granted, unsent.bytes]).toEqual([32 * 1024 + 3 * MiB, 3 * MiB]);
});

test("what was found without a grant is kept where it fits, and a little always", async () => {
  const unsent = unsentOf(MiB);
  expect([unsent.keep(MiB), unsent.keep(MiB), unsent.keep(MiB)]).toEqual([true, true, false]);
  expect([unsent.keep(1_000), unsent.bytes]).toEqual([true, 2 * MiB + 1_000]);
});
