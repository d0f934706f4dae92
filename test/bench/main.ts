/**
 * `bun run bench [NAME…] [--quick|--full] [--runs N] [--unkept]`: measures kedge beside its peers, prints the tables, keeps the figures
 * of all but quick runs.
 * `bun run bench report [--ratios]`: prints the kept figures as Markdown.
 */
import { parseArgs } from "node:util";
import { arrays } from "./arrays.ts";
import { catchUp } from "./catch-up.ts";
import { disk } from "./disk.ts";
import { growthOfConnections, growthOfLog, growthOfPartitions, growthOfTopics } from "./growth.ts";
import { type Bench, type Context, Load, type Scale, scales } from "./harness.ts";
import { kafkaClients } from "./kafka-clients.ts";
import { kafkaConsume } from "./kafka-consume.ts";
import { kafkaCost } from "./kafka-cost.ts";
import { kafkaProduce, kafkaSmall } from "./kafka-produce.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { produce } from "./produce.ts";
import {
  figuresTable,
  keep,
  type Kept,
  ratiosTable,
  readResults,
  report,
  resultOf,
} from "./results.ts";
import { growthOfStart, start } from "./start.ts";
import { peers } from "./subjects.ts";

const benches: readonly Bench[] = [
  produce,
  arrays,
  latency,
  catchUp,
  start,
  memory,
  disk,
  growthOfLog,
  growthOfPartitions,
  growthOfTopics,
  growthOfConnections,
  growthOfStart,
  kafkaProduce,
  kafkaSmall,
  kafkaConsume,
  kafkaClients,
  kafkaCost,
];

const http = [produce, arrays, latency, catchUp];

const USAGE = `bun run bench [NAME…] [--quick|--full] [--runs N]
bun run bench report [--ratios]

  NAME      one of http, ${benches.map(({ name }) => name).join(", ")}; without one, all
  --quick   small and short: shows that all runs, and keeps no figures
  --full    large and long
  --runs N  how often each is measured
  --unkept  keeps no figures
  report    print the kept figures as Markdown; with --ratios only how they compare`;

function options() {
  const options = {
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    runs: { type: "string" },
    unkept: { type: "boolean", default: false },
    ratios: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    const parsed = parseArgs({ allowPositionals: true, options });
    const { runs = "1" } = parsed.values;
    if (!/^[1-9]\d{0,3}$/.test(runs))
      throw new RangeError(`--runs must be a whole number from 1 to 9999, not "${runs}"`);
    return parsed;
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

const { values, positionals } = options();

function chosenScale(): Scale {
  const scale = values.quick ? scales.quick : values.full ? scales.full : scales.ci;
  return values.runs === undefined ? scale : { ...scale, runs: Number(values.runs) };
}

function chosenBenches(): readonly Bench[] {
  if (positionals.length === 0) return benches;
  return positionals.flatMap((name) => {
    if (name === "http") return http;
    const found = benches.filter(
      (bench) => bench.name === name || bench.name.startsWith(`${name}-`),
    );
    if (found.length === 0) {
      const names = benches.map((bench) => bench.name).join(", ");
      console.error(`no bench is called ${name}; there are http, ${names}`);
      process.exit(2);
    }
    return found;
  });
}

async function runAll(): Promise<number> {
  const scale = chosenScale();
  const chosen = chosenBenches();
  const { found, leftOut } = await peers();
  const notes = leftOut.map(({ name, because }) => `${name} was left out: ${because}`);
  for (const note of notes) console.log(note);
  const load = new Load();
  const results: Record<string, Kept> = {};
  let failures = 0;
  for (const bench of chosen) {
    console.log(`\n## ${bench.name} (${scale.name}): ${bench.about}`);
    const say = (line: string): void => console.error(`   ${line}`);
    const context: Context = { scale, peers: found, load, say };
    try {
      const kept = resultOf(scale, notes, await bench.run(context));
      results[bench.name] = kept;
      console.log(figuresTable(kept));
      if (scale.name !== "quick" && !values.unkept) await keep(bench.name, kept);
    } catch (error) {
      failures += 1;
      console.error(`${bench.name} failed:`, error);
    }
  }
  await load.close();
  console.log(`\n${ratiosTable(chosen, results)}`);
  return failures === 0 ? 0 : 1;
}

if (values.help) console.log(USAGE);
else if (positionals[0] === "report") {
  const results = await readResults();
  console.log(values.ratios ? ratiosTable(benches, results) : report(benches, results));
} else process.exit(await runAll());
