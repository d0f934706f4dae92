/**
 * Folders and files that appear under their name once they are whole, and that a power cut does not take back: what they hold is
 * synced before, the folder that names them after.
 */
import { mkdir, open, readdir, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorCode } from "../lib/error-code.ts";
import { exitCodes, Failure } from "./exit.ts";

/** @throws Failure unless the folder is missing or empty. */
export async function refuseUsed(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) return;
  throw new Failure(`${folder} is not empty: choose a new folder.`, exitCodes.failure);
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
  const path = resolve(folder); // Without a slash at its end.
  const partial = partialOf(path);
  let firstMade: string | undefined;
  try {
    await rm(partial, { recursive: true, force: true });
    firstMade = await mkdir(partial, { recursive: true });
    await fill(partial);
    for (const name of await readdir(partial)) await syncFile(join(partial, name));
    await syncFolder(partial);
    await rm(path, { recursive: true, force: true });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  await syncNames(path, firstMade === undefined || firstMade === partial ? path : firstMade);
}

/** Where a file is written until `nameWholeFile`. */
export function partialOf(path: string): string {
  return `${path}.partial`;
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
