/**
 * The storage contract on the libSQL file, and what only a file can do: exact types, one process a folder, formats.
 */
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import Database from "libsql";
import { openLibsqlStorage } from "../../src/storage/libsql.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { systemPlatform } from "../../src/runtime/system.ts";
import { storageLogContract } from "./storage-log.ts";
import { caught } from "./storage-world.ts";
import { storageContract } from "./storage.ts";

const { clock, pid, hostname, bootId } = systemPlatform();

function open(directory: string): Promise<Storage> {
  const process = { pid, hostname, bootId };
  return openLibsqlStorage({ directory, clock, process, logger: silentLogger });
}

async function folder(): Promise<string> {
  return mkdtemp(`${tmpdir()}/kedge-storage-`);
}

const make = async () => {
  const directory = await folder();
  return {
    open: () => open(directory),
    dispose: () => rm(directory, { recursive: true }),
  };
};
storageContract("libsql", make);
storageLogContract("libsql", make);

describe("libsql file", () => {
  test("a second start is refused and told who was first", async () => {
    const directory = await folder();
    const first = await open(directory);
    const error = await caught(open(directory));
    expect(error).toMatchObject({ name: "FolderInUse", holder: { pid, host: hostname } });
    expect(String(error)).toContain(`process ${pid} on ${hostname}, started `);
    await first.close();
    await (await open(directory)).close();
    await rm(directory, { recursive: true });
  });

  test("a lost power is told until every log has begun anew", async () => {
    const directory = await folder();
    await (await open(directory)).close();
    const file = new Database(`${directory}/log.db`);
    file.exec("insert into meta (key, value) values ('running', 'an earlier boot')");
    file.close();
    const first = await open(directory);
    expect(first.powerLost).toBe(true);
    await first.close();
    const second = await open(directory);
    expect(second.powerLost).toBe(true);
    await second.resumed();
    await second.close();
    const third = await open(directory);
    expect(third.powerLost).toBe(false);
    await third.close();
    await rm(directory, { recursive: true });
  });
});
