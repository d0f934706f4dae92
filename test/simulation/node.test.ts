/**
 * A single node's log under faults: 250 seeds a time, and the same seed gives the same trace.
 */
import { expect, test } from "bun:test";
import { runNode } from "./node-run.ts";

const seeds = Number(process.env["SIM_SEEDS"] ?? 250);
const steps = Number(process.env["SIM_STEPS"] ?? 100);

test(`${seeds} seeds of ${steps} steps hold every invariant`, async () => {
  let appended = 0;
  let lives = 0;
  let committed = 0;
  let aborted = 0;
  let removed = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await runNode(seed, steps);
    appended += run.appended;
    lives += run.lives;
    committed += run.committed;
    aborted += run.aborted;
    removed += run.removed;
  }
  // A world in which nothing happens proves nothing.
  expect(appended).toBeGreaterThan(seeds * 20);
  expect(lives).toBeGreaterThan(seeds * 2);
  expect(removed).toBeGreaterThan(seeds * 5);
  expect([committed > seeds / 2, aborted > seeds / 2]).toEqual([true, true]);
}, 600_000);

test("the same seed gives the same trace", async () => {
  for (const seed of [1, 77]) {
    const first = await runNode(seed, 300);
    const second = await runNode(seed, 300);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(50);
  }
});
