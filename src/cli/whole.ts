/**
 * Folders and files that appear under their name once they are whole, and that a power cut does not take back: what they hold is
 * synced before, the folder that names them after.
 *
 * Two processes that make the same one work in different places; the folder of the first stays, and nothing is ever put in the
 * place of a folder that came to hold something meanwhile, such as a node's data.
 */
import { mkdir, open, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { errorCode } from "../lib/error-code.ts";
import { exitCodes, Failure } from "./exit.ts";

/** @throws Failure unless the folder is missing or empty. */
export async function refuseUsed(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  if (names.length > 0) throw notEmpty(folder);
}

function notEmpty(folder: string): Failure {
  return new Failure(`${folder} is not empty: choose a new folder.`, exitCodes.failure);
}

/** @throws Failure where the one folder is the other, or would lie in it, through links too. */
export async function refuseInside(folder: string, within: string): Promise<void> {
  const outer = await realpath(folder);
  for (let inner = resolve(within); ; inner = dirname(inner)) {
    const real = await realpath(inner).catch(() => null);
    if (real === outer)
      throw new Failure(
        `${within} lies in ${folder}, which stays as it is: choose a folder outside of it.`,
        exitCodes.failure,
      );
    if (inner === dirname(inner)) return;
  }
}

/** Makes a folder, which is missing or empty so far, of what `fill` puts into another beside it. */
export async function makeWholeFolder(
  folder: string,
  fill: (partial: string) => Promise<void>,
): Promise<void> {
  // Without a slash at its end, and where a link to it leads.
  const path = await realpath(folder).catch(() => resolve(folder));
  const partial = partialOf(path);
  let firstMade: string | undefined;
  await clearLeft(path);
  try {
    firstMade = await mkdir(partial, { recursive: true });
    await fill(partial);
    for (const name of await readdir(partial)) await syncFile(join(partial, name));
    await syncFolder(partial);
    await makeWay(path, folder);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  await syncNames(path, firstMade === undefined || firstMade === partial ? path : firstMade);
}

/** Removes the empty folder that stands in the place of the new one. @throws Failure where it is not empty any more. */
async function makeWay(path: string, folder: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOTEMPTY" || code === "EEXIST") throw notEmpty(folder);
    if (code === "EBUSY")
      throw new Failure(`${folder} is where a disk is mounted: choose a folder inside of it.`);
    if (code !== "ENOENT") throw error;
  }
}

/** Where a folder is filled until it is whole, and a file written until `nameWholeFile`: this process' own place. */
export function partialOf(path: string): string {
  return `${path}.partial-${process.pid}`;
}

/** Deletes what processes that were killed left of it. */
export async function clearLeft(path: string): Promise<void> {
  const prefix = `${basename(path)}.partial-`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (!/^\d+$/.test(pid) || isAtWork(Number(pid))) continue;
    await rm(join(dirname(path), name), { recursive: true, force: true });
  }
}

function isAtWork(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}

/** Gives a file that was written in full its name. */
export async function nameWholeFile(file: string): Promise<void> {
  await syncFile(partialOf(file));
  await rename(partialOf(file), file);
  await syncNames(resolve(file), resolve(file));
}

/** Syncs the folders that name what is new: from that of `path` up to that of the first folder that was made for it. */
async function syncNames(path: string, firstMade: string): Promise<void> {
  const last = dirname(firstMade);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    await syncFolder(folder);
    if (folder === last || folder === dirname(folder)) return;
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Folders that may be written but not read, and file systems that sync none. */
const UNSYNCED = new Set(["EACCES", "EPERM", "EISDIR", "EINVAL", "ENOTSUP"]);

async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!UNSYNCED.has(errorCode(error))) throw error;
  }
}
