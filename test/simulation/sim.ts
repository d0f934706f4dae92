/**
 * Replays one seed and prints its trace: `bun run sim --seed 17 [--steps 150]`; without a seed, goes on from a random one
 * until something breaks or `--count` runs are done.
 */
import { parseArgs } from "node:util";
import { runNode } from "./node-run.ts";

const USAGE = `bun run sim [--seed N] [--steps N] [--count N]

  --seed N   replay this seed and print its trace; without it, seeds follow a random one until something breaks
  --steps N  steps of a run (150)
  --count N  runs, without a seed (1000)`;

function options() {
  const options = {
    seed: { type: "string" },
    steps: { type: "string", default: "150" },
    count: { type: "string", default: "1000" },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    const { values } = parseArgs({ options });
    for (const name of ["seed", "steps", "count"] as const)
      if (!/^\d{1,15}$/.test(values[name] ?? "0"))
        throw new RangeError(`--${name} must be a whole number, not "${values[name]}"`);
    return values;
  } catch (error) {
    console.error(`sim: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

const values = options();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
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
