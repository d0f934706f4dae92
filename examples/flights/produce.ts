/**
 * One process of the flights example: appends a data set, by key. `bun produce.ts URL FOLDER DATASET TOPIC`
 */
import { Kedge } from "kedge/client";
import { readDataset } from "./dataset.ts";

const [url = "", folder = "", dataset = "", name = ""] = process.argv.slice(2);
const topic = new Kedge({ url }).topic(name, { format: "json" });
const records = await readDataset(folder, dataset);
const started = performance.now();
for (const record of records) await topic.send(record);
await topic.flush();
console.log(JSON.stringify({ count: records.length, ms: performance.now() - started }));
