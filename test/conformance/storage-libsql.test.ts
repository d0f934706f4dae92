/**
 * The storage contract on the libSQL file, and what only a file can do: exact types, one process a folder, formats.
 */
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
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
});
