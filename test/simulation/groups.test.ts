/**
 * Classic groups under faults: a few hundred seeds a time, and the same seed gives the same trace.
 */
import { expect, test } from "bun:test";
import { runGroup } from "./group-run.ts";

/** Twice as many as the log's, in the gate half: a run is short. */
const seeds = "SIM_SEEDS" in process.env ? 2 * Number(process.env["SIM_SEEDS"]) : 100;

test(`${seeds} seeds hold every invariant, and no group is stuck`, async () => {
  let generations = 0;
  let commits = 0;
  let lives = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await runGroup(seed, 150);
    generations += run.generations;
    commits += run.commits;
    lives += run.lives;
  }
  // A world in which nothing happens proves nothing.
  expect(generations).toBeGreaterThan(seeds * 3);
  expect(commits).toBeGreaterThan(seeds * 20);
  expect(lives).toBeGreaterThan(seeds * 2);
}, 900_000);

test("the same seed gives the same trace", async () => {
  for (const seed of [3, 42]) {
    const first = await runGroup(seed, 60);
    const second = await runGroup(seed, 60);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(20);
  }
});
