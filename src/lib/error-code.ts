/**
 * What the runtime, or the database's engine, calls an error.
 */

/** `ENOENT`, `SQLITE_FULL`, …; empty where there is none. */
export function errorCode(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
