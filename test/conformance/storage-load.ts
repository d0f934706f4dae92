/**
 * A load to be killed: appends to four partitions of the storage in the folder given and says on stdout, after each
 * acknowledgement, which end it stands for. Exits 1 with the reason when it cannot open the folder.
 */
import { writeSync } from "node:fs";
import { append } from "./batches.ts";
import { openIn } from "./libsql-folder.ts";
import { topicId } from "./storage-world.ts";

const directory = process.argv[2] ?? "";
const storage = await openIn(directory).catch((error: unknown) => {
  console.error(String(error));
  process.exit(1);
});
const states = await storage.create([0, 1, 2, 3].map((index) => ({ topicId, index })));
writeSync(1, "open\n");
await Promise.all(
  states.map(async ({ id, index, end: first }) => {
    const bytes = [100, 1000, 20_000, 100_000][index];
    // The odd ones are written only: a kill loses none of those either.
    const durability = index % 2 === 0 ? "synced" : "written";
    for (let end = first; ; end += 2) {
      const shapes = [end, end + 1].map((base) => ({ base, ...(bytes ? { bytes } : {}) }));
      const entries = [append(...shapes)];
      await storage.commit({ partition: id, guard: { epoch: 0, end }, entries, durability });
      writeSync(1, `${id} ${end + 2}\n`);
    }
  }),
);
