/**
 * Consumer groups under faults, of members of every kind: many seeds a time, and the same seed gives the same trace.
 */
import { expect, test } from "bun:test";
import { runConsumers } from "./consumer-run.ts";

/** Half of the log's: a run is long. */
const seeds = "SIM_SEEDS" in process.env ? Number(process.env["SIM_SEEDS"]) / 2 : 30;

test(`${seeds} seeds hold every invariant, and no group is stuck`, async () => {
  const sum = { epochs: 0, commits: 0, lives: 0, changes: 0 };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await runConsumers(seed, 150);
    sum.epochs += run.epochs;
    sum.commits += run.commits;
    sum.lives += run.lives;
    sum.changes += run.changes;
  }
  // A world in which nothing happens proves nothing.
  expect(sum.epochs).toBeGreaterThan(seeds * 3);
  expect(sum.commits).toBeGreaterThan(seeds * 10);
  expect(sum.lives).toBeGreaterThan(seeds * 2);
  expect(sum.changes).toBeGreaterThan(seeds);
}, 900_000);

test("the same seed gives the same trace", async () => {
  for (const seed of [3, 42]) {
    const first = await runConsumers(seed, 60);
    const second = await runConsumers(seed, 60);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(20);
  }
});
