/**
 * Replays one seed and prints its trace: `bun run sim --seed 17 [--steps 150]`; without a seed, goes on from a random one
 * until something breaks or `--count` runs are done.
 */
import { parseArgs } from "node:util";
import { runNode } from "./node-run.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    steps: { type: "string", default: "150" },
    count: { type: "string", default: "1000" },
  },
});
const steps = Number(values.steps);

if (values.seed !== undefined) {
  const run = await runNode(Number(values.seed), steps);
  for (const line of run.trace) console.log(line);
  console.log(
    `seed ${values.seed}: ${run.appended} requests acknowledged in ${run.lives} lives, all invariants hold`,
  );
} else {
  const first = Math.floor(Math.random() * 2 ** 31);
  for (let seed = first; seed < first + Number(values.count); seed += 1) await runNode(seed, steps);
  console.log(`${values.count} seeds from ${first} of ${steps} steps: all invariants hold`);
}
