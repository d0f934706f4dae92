/** One line a client and second. */
import { expect, test } from "bun:test";
import { ToldClients } from "../../../src/kafka/told-clients.ts";
import { VirtualClock } from "../../simulation/virtual-clock.ts";

test("a client is told of once a second, whatever others do", async () => {
  const clock = new VirtualClock();
  const told = new ToldClients(clock);
  expect([told.mayTell("a"), told.mayTell("a"), told.mayTell("b")]).toEqual([true, false, true]);
  await clock.advance(999);
  expect(told.mayTell("a")).toBe(false);
  await clock.advance(1);
  expect(told.mayTell("a")).toBe(true);
});

test("only so many are remembered", () => {
  const told = new ToldClients(new VirtualClock());
  for (let at = 0; at <= 1_000; at += 1) told.mayTell(String(at));
  expect([told.mayTell("1000"), told.mayTell("0")]).toEqual([false, true]);
});
