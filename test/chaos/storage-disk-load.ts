/**
 * A process for `storage-disk.chaos.ts`: `until-fault` appends until the storage fails and prints what it saw as JSON;
 * `synced`, `written` and `none` make a hundred commits, one after another, or none; `empty` makes them of nothing.
 */
import type { Durability, StorageFault } from "../../src/storage/storage.ts";
import { append } from "../conformance/batches.ts";
import { openIn } from "../conformance/libsql-folder.ts";
import { caught, topicId } from "../conformance/storage-world.ts";

const [, , directory = "", what = ""] = process.argv;
let alarms = 0;
const storage = await openIn(directory, { onFailure: () => (alarms += 1) });
await storage.create([{ topicId, index: 0 }]);

function commit(end: number, bytes: number, durability: Durability): Promise<unknown> {
  const entries = [append({ base: end, bytes })];
  return caught(storage.commit({ partition: 1, guard: { epoch: 0, end }, entries, durability }));
}

function facts(error: unknown): object {
  const { kind, outcome, message } = error as StorageFault;
  return { kind, outcome, message };
}

if (what === "until-fault") {
  let acknowledged = 0;
  let fault: unknown = null;
  while (fault === null) {
    fault = await commit(acknowledged, 100_000, "synced");
    if (fault === null) acknowledged += 1;
  }
  const after = await commit(acknowledged, 100, "synced");
  console.log(JSON.stringify({ acknowledged, fault: facts(fault), after: facts(after), alarms }));
} else if (what === "empty") {
  const empty = { partition: 1, guard: { epoch: 0, end: 0 }, entries: [] };
  for (let commit = 0; commit < 100; commit += 1)
    await storage.commit({ ...empty, durability: "synced" });
} else if (what !== "none") {
  const durability = what === "synced" ? "synced" : "written";
  for (let end = 0; end < 100; end += 1) await commit(end, 1000, durability);
}
process.exit(0);
