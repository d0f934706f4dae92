/**
 * A few kills in the quick suite; `test/chaos/storage-crash.chaos.ts` does two hundred.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { inFolder } from "./libsql-folder.ts";
import { killUnderLoad } from "./storage-kill.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

test(
  "kill -9 under load loses nothing that was acknowledged",
  () =>
    inFolder(async (directory) => {
      let acknowledged = 0;
      for (const afterMs of [5, 40, 120]) acknowledged += await killUnderLoad(directory, afterMs);
      expect(acknowledged).toBeGreaterThan(0);
    }),
  30_000,
);
