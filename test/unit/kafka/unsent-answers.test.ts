/** What clients have not taken makes answers shorter, then makes them wait. */
import { expect, test } from "bun:test";
import { UnsentAnswers } from "../../../src/kafka/unsent-answers.ts";

const MiB = 1024 * 1024;

test("answers get shorter as the room is used up, and always have a little", async () => {
  const unsent = new UnsentAnswers({ unsentBytesMax: 10 * MiB });
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
  const unsent = new UnsentAnswers({ unsentBytesMax: MiB });
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
