/**
 * Why a file cannot be read, in words: the runtimes name a code and a system call.
 */
import { errorCode } from "./error-code.ts";

const reasons = new Map([
  ["ENOENT", "there is no such file"],
  ["ENOTDIR", "there is no such file"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "this user may not read it"],
  ["EPERM", "this user may not read it"],
]);

/** A sentence that names the file and what asked for it, such as `--token-file`; null for what the system has not said. */
export function whyUnread(error: unknown, path: string, asker: string): string | null {
  const code = errorCode(error);
  if (!/^E[A-Z]+$/.test(code)) return null;
  return `Cannot read ${path} (${asker}): ${reasons.get(code) ?? code}.`;
}
