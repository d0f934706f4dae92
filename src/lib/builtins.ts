/**
 * Modules of the runtime that no start needs, loaded with their first use: each brings the runtime's streams, and takes a
 * few milliseconds once.
 */
import { createRequire } from "node:module";

// The runtime gives each by its own name.
export const nodeCrypto = lazy(() => load("node:crypto") as typeof import("node:crypto"));
export const nodeHttp = lazy(() => load("node:http") as typeof import("node:http"));
export const nodeNet = lazy(() => load("node:net") as typeof import("node:net"));
export const nodeStream = lazy(() => load("node:stream") as typeof import("node:stream"));
export const nodeUtil = lazy(() => load("node:util") as typeof import("node:util"));
export const nodeZlib = lazy(() => load("node:zlib") as typeof import("node:zlib"));

function load(name: string): unknown {
  return createRequire(import.meta.url)(name);
}

/** Gives what `make` gave at the first call. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
