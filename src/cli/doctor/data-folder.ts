/**
 * Whether a data folder can be looked at, before anything in it is: what SQLite says of a folder that may not be entered is that
 * it has no files.
 */
import { accessSync, type Stats, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { errorCode } from "../../lib/error-code.ts";
import { type Access, permissionMissing } from "../../storage/files/permission.ts";
import { exitCodes, Failure } from "../exit.ts";

interface FileSystem {
  readonly stat: (path: string) => Stats;
  readonly access: Access;
}

/** @throws Failure that says what is in the way and what to do. */
export function checkDataFolder(
  path: string,
  { stat, access }: FileSystem = { stat: statSync, access: accessSync },
): void {
  if (!look(path, stat).isDirectory()) {
    const isOurs = /^(?:log|raft|lock)\.db/.test(basename(path));
    const hint = isOurs ? `: give the folder that it is in, --data ${dirname(path)}` : "";
    throw new Failure(`${path} is a file, and a node's data is a folder${hint}.`);
  }
  const missing = permissionMissing(path, access);
  if (missing !== null) throw new Failure(`${missing}.`, exitCodes.notAllowed);
}

function look(path: string, stat: FileSystem["stat"]): Stats {
  try {
    return stat(path);
  } catch (error) {
    switch (errorCode(error)) {
      case "ENOENT":
      case "ENOTDIR":
        throw new Failure(`There is no folder ${path}.`, exitCodes.notFound);
      case "EACCES":
      case "EPERM":
        throw new Failure(
          `no permission to enter the folder that ${path} is in: ask as the user that runs kedge.`,
          exitCodes.notAllowed,
        );
      default:
        throw error;
    }
  }
}
