/**
 * Whether the node is alive and whether it serves: for probes, so without a token and without anything secret.
 */
import type { InferOutput } from "valibot";
import { json, type Reply } from "../answers/reply.ts";
import { defineRoute, type Call, type RouteResponse } from "../route.ts";
import { health, healthQuery } from "../schema/health.ts";

const TAG = "node";
const JSON_TYPE = "application/json";
const uncached = { "cache-control": "no-store" };

const alive: RouteResponse = { description: "It is.", content: { [JSON_TYPE]: health } };
const unready: RouteResponse = {
  description: "Not yet, or no longer; see `verbose`.",
  content: { [JSON_TYPE]: health },
};

function liveRoute(path: string) {
  return defineRoute({
    method: "GET",
    path,
    tag: TAG,
    summary: "Is the process alive?",
    query: healthQuery,
    open: true,
    responses: { 200: alive },
    handle: (): Reply => json({ status: "ok" } satisfies InferOutput<typeof health>, 200, uncached),
  });
}

function readyRoute(path: string) {
  return defineRoute({
    method: "GET",
    path,
    tag: TAG,
    summary: "Does every door serve?",
    query: healthQuery,
    open: true,
    responses: { 200: alive, 503: unready },
    handle: (call) => ready(call, call.query.verbose === true || call.query.verbose === ""),
  });
}

async function ready({ door }: Call, verbose: boolean): Promise<Reply> {
  const checks = (await door.probes.checks?.()) ?? [];
  const isReady = checks.every((check) => check.ready);
  const body: InferOutput<typeof health> = {
    status: isReady ? "ok" : "unready",
    ...(verbose ? { checks: checks.map((check) => ({ ...check })) } : {}),
  };
  return isReady ? json(body, 200, uncached) : json(body, 503, { ...uncached, "retry-after": "1" });
}

export const livez = liveRoute("/livez");
export const healthz = liveRoute("/healthz");
export const readyz = readyRoute("/readyz");
export const startupz = readyRoute("/startupz");
