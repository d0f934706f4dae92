/**
 * Real data through a node: flights keyed by distance and earthquakes keyed by network, over six partitions each. One
 * process produces while two others consume live, one by events and one by long polls; a third then reads everything again
 * from the beginning. What comes out must equal what went in, for each key in order: else this exits 1.
 *
 *     bun examples/flights/flights.ts          # starts a node of its own; with KEDGE_URL it uses that one
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kedge } from "kedge/client";
import { fetchDatasets, readDataset } from "./dataset.ts";
import { differences, Ledger, type Summary } from "./ledger.ts";

const PARTITIONS = 6;

interface Told {
  readonly count: number;
  readonly ms: number;
  readonly summary?: Summary;
}

const folder = await mkdtemp(join(tmpdir(), "kedge-flights-"));
const node = process.env["KEDGE_URL"] === undefined ? await startNode(folder) : null;
const url = process.env["KEDGE_URL"] ?? node?.url ?? "";
let wrong = 0;
try {
  console.log("fetching the data sets …");
  await fetchDatasets(folder);
  for (const name of ["earthquakes", "flights"]) wrong += await carry(name);
} finally {
  node?.child.kill();
  await node?.child.exited;
  await rm(folder, { recursive: true });
}
console.log(wrong === 0 ? "What came out is what went in." : `${wrong} differences.`);
process.exit(wrong === 0 ? 0 : 1);

/** Carries one data set through a topic, and counts what is wrong. */
async function carry(dataset: string): Promise<number> {
  const name = `${dataset}-${process.pid}`;
  const records = await readDataset(folder, dataset);
  const wanted = new Ledger();
  for (const { key, value } of records) wanted.add(key, value);
  const kedge = new Kedge({ url });
  await kedge.createTopic({ name, partitions: PARTITIONS });
  const live = ["events", "poll"].map((how) =>
    part("consume.ts", name, String(records.length), how),
  );
  const producer = part("produce.ts", folder, dataset, name);
  report(name, "produced", await last(producer));
  let differing = 0;
  for (const [index, how] of ["live by events", "live by long poll"].entries()) {
    const told = await last(live[index] ?? producer);
    differing += check(name, how, wanted.summary(), told);
  }
  const again = await last(part("consume.ts", name, "", "again"));
  differing += check(name, "again from the beginning", wanted.summary(), again);
  const { partitionList } = await kedge.describeTopic(name);
  const spread = partitionList.map(({ highWatermark }) => highWatermark).join(" ");
  console.log(
    `${name}: ${Object.keys(wanted.summary()).length} keys over partitions of ${spread}\n`,
  );
  return differing;
}

function part(script: string, ...args: string[]) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return Bun.spawn([process.execPath, path, url, ...args], { stdout: "pipe", stderr: "inherit" });
}

/** What a part said last, once it ended well. */
async function last(child: ReturnType<typeof part>): Promise<Told> {
  const said = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("a part failed");
  return JSON.parse(said.trim().split("\n").at(-1) ?? "") as Told;
}

function check(name: string, how: string, wanted: Summary, told: Told): number {
  report(name, how, told);
  const keys = differences(wanted, told.summary ?? {});
  if (keys.length > 0) console.log(`${name}: WRONG ${how}, keys ${keys.slice(0, 10).join(", ")}`);
  return keys.length;
}

function report(name: string, how: string, { count, ms }: Told): void {
  const rate = Math.round(count / (ms / 1_000)).toLocaleString("en");
  console.log(
    `${name}: ${count.toLocaleString("en")} ${how} in ${(ms / 1_000).toFixed(2)} s (${rate}/s)`,
  );
}

/** A node of this example's own, on a free port. */
async function startNode(folder: string) {
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
  const command = [
    main,
    "serve",
    "--data",
    join(folder, "data"),
    "--http",
    "127.0.0.1:0",
    "--kafka",
    "none",
  ];
  const child = Bun.spawn([process.execPath, ...command], { stdout: "pipe", stderr: "inherit" });
  let said = "";
  for await (const piece of child.stdout) {
    said += new TextDecoder().decode(piece);
    const found = /listening on (\S+)/.exec(said)?.[1];
    if (found !== undefined) return { child, url: found };
  }
  throw new Error(`the node did not start: ${said}`);
}
