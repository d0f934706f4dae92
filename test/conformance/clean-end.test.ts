/** What a storage that was closed leaves in its folder. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { append } from "./batches.ts";
import { inFolder, openIn } from "./libsql-folder.ts";
import { topicId } from "./storage-world.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

test.skipIf(!("Bun" in globalThis))(
  "a clean end leaves the databases alone in the folder, unless the garbage collector errs each time",
  () =>
    inFolder(async (directory) => {
      const left: string[] = [];
      for (let times = 0; times < 6; times += 1) {
        const storage = await openIn(directory);
        const [state] = await storage.create([{ topicId, index: 0 }]);
        const guard = { epoch: 0, end: state?.end ?? 0 };
        const entries = [append({ base: guard.end, bytes: 60_000 })];
        await storage.commit({ partition: 1, guard, entries, durability: "synced" });
        await storage.read(1, 0, 1_000_000);
        await storage.close();
        left.push((await readdir(directory)).toSorted().join(" "));
      }
      expect(left).toContain("lock.db lock.db-journal log.db");
    }),
);
