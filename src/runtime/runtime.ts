/**
 * The one place that asks which runtime this is.
 */
import type { Platform } from "../lib/platform.ts";

export async function detectPlatform(): Promise<Platform> {
  if ("Bun" in globalThis) return (await import("./bun.ts")).bunPlatform();
  return (await import("./deno.ts")).denoPlatform();
}
