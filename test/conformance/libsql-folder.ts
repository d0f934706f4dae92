/**
 * Folders with a libSQL storage in them, and ways around it: its files read and changed with plain SQL while nobody has
 * them open, or by another process (files in use must not be opened here but by libSQL: closing them drops its locks).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { $ } from "bun";
import Database from "libsql";
import type { Clock } from "../../src/lib/clock.ts";
import { type Logger, silentLogger } from "../../src/lib/logger.ts";
import { systemPlatform } from "../../src/runtime/system.ts";
import { openLibsqlStorage } from "../../src/storage/libsql/libsql.ts";
import type { LibsqlStorageLimits } from "../../src/storage/libsql/limits.ts";
import type { Storage, StorageFault } from "../../src/storage/storage.ts";

export const { clock, pid, hostname, bootId } = systemPlatform();

export interface OpenOptions {
  readonly limits?: Partial<LibsqlStorageLimits>;
  readonly logger?: Logger;
  readonly bootId?: string | null;
  readonly onFailure?: (fault: StorageFault) => void;
  readonly clock?: Clock;
}

export function openIn(directory: string, options: OpenOptions = {}): Promise<Storage> {
  const process = { pid, hostname, bootId: options.bootId ?? bootId };
  return openLibsqlStorage({ logger: silentLogger, clock, ...options, directory, process });
}

/** Gives `work` a new folder and removes it afterwards. */
export async function inFolder<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(`${tmpdir()}/kedge-storage-`);
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Runs statements on `log.db` through a connection of its own. */
export function withSql<T>(directory: string, work: (database: Database.Database) => T): T {
  const database = new Database(`${directory}/log.db`, { timeout: 1000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** What a cut-off process would leave: its files as they are now. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await $`cp -r ${from}/. ${to}/`;
}
