/**
 * Exactly once under faults: a few dozen seeds a time, and the same seed gives the same trace.
 */
import { expect, test } from "bun:test";
import { runTransactions } from "./transaction-run.ts";

const seeds = "SIM_SEEDS" in process.env ? Number(process.env["SIM_SEEDS"]) / 2 : 25;

test(`${seeds} seeds hold every invariant, and nothing stays open`, async () => {
  let commits = 0;
  let fenced = 0;
  let lives = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await runTransactions(seed, 60);
    commits += run.commits;
    fenced += run.fenced;
    lives += run.lives;
  }
  // A world in which nothing happens proves nothing.
  expect(commits).toBeGreaterThan(seeds * 8);
  expect(fenced).toBeGreaterThan(seeds * 3);
  expect(lives).toBeGreaterThan(seeds * 2);
}, 900_000);

test("the same seed gives the same trace", async () => {
  for (const seed of [3, 42]) {
    const first = await runTransactions(seed, 40);
    const second = await runTransactions(seed, 40);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(20);
  }
});
