/**
 * Files that a command line names: one that cannot be read is told with the option that named it, and ends with exit code 1.
 */
import { open, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { whyUnread } from "../lib/unreadable.ts";
import { Failure } from "./exit.ts";

/** All of it. @throws Failure */
export async function readNamed(path: string, asker: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unread(error, path, asker);
  }
}

/** What it holds, piece by piece. @throws Failure where it cannot be opened, or is a folder. */
export async function streamNamed(
  path: string,
  asker: string,
): Promise<ReadableStream<Uint8Array>> {
  try {
    const file = await open(path, "r");
    if (!(await file.stat()).isDirectory())
      return Readable.toWeb(file.createReadStream()) as ReadableStream<Uint8Array>;
    await file.close();
  } catch (error) {
    throw unread(error, path, asker);
  }
  throw new Failure(`Cannot read ${path} (${asker}): it is a folder.`);
}

function unread(error: unknown, path: string, asker: string): unknown {
  const words = whyUnread(error, path, asker);
  return words === null ? error : new Failure(words);
}
