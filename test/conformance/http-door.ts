/**
 * A door to try the HTTP suites on: something `fetch`-shaped over a fresh node, whichever way it was opened.
 */
import { defaultGroupConfig } from "../../src/coordinators/groups/group.ts";
import { refusedAhead } from "../../src/http/answers/problem.ts";
import { createHttpApp, type HttpAppOptions } from "../../src/http/app.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { httpLimits } from "../../src/lib/platform.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";
import { systemPlatform } from "../../src/runtime/system.ts";
import { memoryMetadataStore } from "../../src/storage/memory/metadata.ts";
import { memoryStorage } from "../../src/storage/memory/memory.ts";
import { assemble } from "../simulation/assembled.ts";

export interface HttpDoor {
  /** As the global `fetch`, by path. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** A door in this process over a node in memory: no socket. */
export async function openHttpDoor(options: Partial<HttpAppOptions> = {}): Promise<HttpDoor> {
  const { app, close } = await openApp(options);
  return { fetch: async (path, init) => app.request(path, init), close };
}

/** The same behind this runtime's own server; `url` is for what `fetch` cannot send. */
export async function openHttpServer(
  options: Partial<HttpAppOptions> = {},
): Promise<HttpDoor & { readonly url: URL }> {
  const { app, close } = await openApp(options);
  const platform = await detectPlatform();
  const server = await platform.serveHttp({
    host: "127.0.0.1",
    port: 0,
    limits: httpLimits,
    logger: silentLogger,
    fetch: (request, connection) => app.fetch(request, connection),
    refuse: (_, why) => refusedAhead(why, "0", null),
  });
  const url = new URL(`http://127.0.0.1:${server.port}`);
  return {
    url,
    fetch: (path, init) => fetch(new URL(path, url), init),
    close: async () => {
      await server.stop(0);
      await close();
    },
  };
}

export async function openApp(options: Partial<HttpAppOptions> = {}) {
  const { clock, random } = systemPlatform();
  const storage = memoryStorage();
  const store = memoryMetadataStore();
  const consumer = { ...defaultGroupConfig.consumer, assignmentIntervalMs: 0 };
  const { broker, resumed } = await assemble({
    storage,
    store,
    clock,
    random,
    groups: { consumer },
  });
  await resumed;
  const app = createHttpApp({ broker, clock, random, logger: silentLogger, ...options });
  return { app, close: () => storage.close() };
}
