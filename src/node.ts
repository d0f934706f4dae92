/**
 * A node: the one file that knows every room. It opens them from the ground up and closes them in the opposite order.
 *
 * - Several nodes may live in one process; whatever they share is passed in.
 * - `stop` finishes what was accepted, within `drain-ms`, and leaves the mark of a clean end.
 */
import { Controller } from "./cluster/controller.ts";
import { isLoopback, type Config } from "./config.ts";
import type { Logger } from "./lib/logger.ts";
import { httpLimits, type HttpServer, type Platform } from "./lib/platform.ts";
import { memoryMetadataStore } from "./storage/memory-metadata.ts";
import { memoryStorage } from "./storage/memory.ts";

export interface Node {
  readonly port: number;
  readonly url: string;
  readonly clusterId: string;
  /** Finishes what was accepted and closes everything; a second call waits for the first. */
  stop(): Promise<void>;
}

/** The surroundings do not let the node start; the message says what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
}

interface Surroundings {
  readonly platform: Platform;
  readonly logger: Logger;
  /** This program's own. */
  readonly version: string;
}

export async function startNode(config: Config, { platform, logger }: Surroundings): Promise<Node> {
  const storage = memoryStorage();
  const store = memoryMetadataStore();
  const controller = await Controller.open({ store, random: platform.random, logger });
  const server = await listen(config, platform, logger);
  const stop = once(async () => {
    await server.stop(config["drain-ms"]);
    await store.close();
    await storage.close();
  });
  return {
    port: server.port,
    url: urlOf(config, server.port),
    clusterId: controller.identity.clusterId,
    stop,
  };
}

async function listen(config: Config, platform: Platform, logger: Logger): Promise<HttpServer> {
  const { host, port } = config.http;
  try {
    return await platform.serveHttp({
      host,
      port,
      limits: { ...httpLimits, connectionsMax: config["connections-max"] },
      logger,
      fetch: (request) =>
        new URL(request.url).pathname === "/livez"
          ? new Response("ok\n")
          : new Response("not found\n", { status: 404 }),
      refuse: () => new Response("too many connections\n", { status: 503 }),
    });
  } catch (error) {
    throw new StartError(whyNotListening(error, host, port), { cause: error });
  }
}

function whyNotListening(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const what = `cannot listen on ${host}:${port}`;
  if (code === "EADDRINUSE")
    return `${what}: the port is taken; choose another with --http HOST:PORT`;
  if (code === "EACCES") return `${what}: ports below 1024 need a right that this process lacks`;
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

/** The address to try from this machine. */
function urlOf(config: Config, port: number): string {
  const { host } = config.http;
  const scheme = config["tls-cert"] === null ? "http" : "https";
  const shown = isLoopback(host) ? host : "127.0.0.1";
  return `${scheme}://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

function once(task: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => (done ??= task());
}
