/**
 * Producers that only try again are never told anything final: a few dozen seeds a time, and the same seed gives the same
 * trace.
 */
import { expect, test } from "bun:test";
import { runRetries } from "./retries-run.ts";

/** A quarter of the log's: a run is long. */
const seeds = "SIM_SEEDS" in process.env ? Math.ceil(Number(process.env["SIM_SEEDS"]) / 4) : 25;

test(`${seeds} seeds hold every invariant, and nobody is told to give up`, async () => {
  let ended = 0;
  let lives = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const run = await runRetries(seed, 60);
    ended += run.ended;
    lives += run.lives;
  }
  // A world in which nothing happens proves nothing.
  expect(ended).toBeGreaterThan(seeds * 20);
  expect(lives).toBeGreaterThan(seeds * 2);
}, 900_000);

test("the same seed gives the same trace", async () => {
  for (const seed of [3, 42]) {
    const first = await runRetries(seed, 40);
    const second = await runRetries(seed, 40);
    expect(second.trace).toEqual(first.trace);
    expect(first.trace.length).toBeGreaterThan(20);
  }
});
