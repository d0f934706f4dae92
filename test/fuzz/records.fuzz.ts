/**
 * 20,000 damaged batches over ten seeds: nothing but refusals and consistent batches, and memory stays bounded.
 *
 * `FUZZ_SEED=N` runs one other seed.
 */
import { expect, test } from "bun:test";
import { runMutants } from "./records-mutants.ts";

const given = process.env["FUZZ_SEED"];
const seeds = given ? [Number(given)] : Array.from({ length: 10 }, (_, index) => index + 1);

for (const seed of seeds)
  test(`2,000 damaged batches, seed ${seed}`, () => {
    const { refused, passed } = runMutants(seed, 2000);
    // Both kinds must occur, else the mutants say nothing.
    expect(refused).toBeGreaterThan(500);
    expect(passed).toBeGreaterThan(50);
  });

test("memory stays bounded after all of them", () => {
  Bun.gc(true);
  const held = process.memoryUsage.rss();
  console.log(`${Math.round(held / 1e6)} MB at the end`);
  expect(held).toBeLessThan(512 << 20);
});
