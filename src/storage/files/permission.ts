/**
 * What this process may not do with a data folder: SQLite tells it as a disk that failed, and names no file.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../lib/error-code.ts";

const files = ["lock.db", "log.db", "raft.db"].flatMap((name) => [
  name,
  `${name}-journal`,
  `${name}-wal`,
  `${name}-shm`,
]);

/** Throws what stands in the way, an error with a `code`, as `accessSync` does. */
export type Access = (path: string, mode: number) => void;

/** What to do before the folder can be opened, as a sentence; null where this process may use all that is there. */
export function permissionMissing(directory: string, access: Access = accessSync): string | null {
  const { R_OK, W_OK, X_OK } = constants;
  const paths = files.map((name) => join(directory, name)).filter((path) => existsSync(path));
  const asked = [
    [directory, R_OK | W_OK | X_OK] as const,
    ...paths.map((path) => [path, R_OK | W_OK] as const),
  ];
  for (const [path, mode] of asked) {
    try {
      access(path, mode);
    } catch (error) {
      const code = errorCode(error);
      if (code === "EROFS") return `the file system of ${path} is read-only`;
      if (code === "EACCES" || code === "EPERM")
        return `no permission to read and write ${path}: give the folder and all its files to the user that runs kedge`;
    }
  }
  return null;
}
