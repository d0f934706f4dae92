/** Which free pages of the file go back to the volume. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { LOG_PAGE_BYTES, openDatabase } from "../../../../src/storage/files/open.ts";
import { Sweeper } from "../../../../src/storage/worker/sweeper.ts";
import { Writer } from "../../../../src/storage/worker/writer.ts";

test("16 MiB of them are kept for the next appends, and none while space is short", () => {
  const directory = mkdtempSync(`${tmpdir()}/kedge-sweeper-`);
  const { database } = openDatabase({
    path: `${directory}/log.db`,
    kind: "log",
    pageBytes: LOG_PAGE_BYTES,
    cacheBytes: 1 << 20,
    busyMs: 1_000,
  });
  try {
    const writer = new Writer(database);
    writer.transaction(false, () => {
      database.exec("create table filler (data blob)");
      database.prepare("insert into filler values (zeroblob(?))").run([100 * LOG_PAGE_BYTES]);
    });
    writer.transaction(false, () => database.exec("drop table filler"));
    const sweeper = new Sweeper(writer, database);
    expect(sweeper.countFreeBytes()).toBeGreaterThan(90 * LOG_PAGE_BYTES);
    expect(sweeper.hasMore(false)).toBe(false);
    expect(sweeper.hasMore(true)).toBe(true);
    for (let steps = 0; sweeper.hasMore(true); steps += 1) {
      expect(steps).toBeLessThan(10);
      sweeper.sweep(true);
    }
    expect(sweeper.countFreeBytes()).toBe(0);
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
});
