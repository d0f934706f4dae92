/**
 * The disk that a folder is on: how large, and how much of it is free to this process.
 */
import { statfs } from "node:fs/promises";
import { resolve } from "node:path";
import type { LogDirectory } from "../broker/cluster/replica-verbs.ts";

/** The folder as the broker's verbs describe it; a disk that cannot be asked has no size. */
export function logDirectory(folder: string): LogDirectory {
  const path = resolve(folder);
  return {
    path,
    async space() {
      const found = await statfs(path).catch(() => null);
      if (!found) return null;
      const { blocks, bavail, bsize } = found;
      return { totalBytes: blocks * bsize, usableBytes: bavail * bsize };
    },
  };
}
