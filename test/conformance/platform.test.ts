/**
 * The platform's promises, over real sockets, on the runtime that runs this test: what a door may rely on. What takes
 * seconds to show (idle time-outs, slow clients) is in `test/interop/`.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { silentLogger } from "../../src/lib/logger.ts";
import {
  type Connection,
  httpLimits,
  type HttpServer,
  type Platform,
  type SocketHandlers,
  type WireHandlers,
} from "../../src/lib/platform.ts";
import { dialTcp } from "../../src/runtime/dial.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";

let platform: Platform;
let server: HttpServer;
let url = "";
let aborted = 0;
const held: (() => void)[] = [];

const echo: SocketHandlers = {
  open: (socket) => socket.send("welcome"),
  message: (socket, data) => socket.send(data),
  drain() {},
  closed() {},
};

async function handle(request: Request, connection: Connection): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/throw") throw new Error("secret");
  if (pathname === "/ws")
    return connection.upgrade(echo, null) ?? new Response("no", { status: 426 });
  if (pathname === "/wait") {
    connection.hold();
    await new Promise<void>((resolve) => {
      held.push(resolve);
      request.signal.addEventListener("abort", () => {
        aborted += 1;
        resolve();
      });
    });
  }
  return new Response(`${connection.address()} ${await request.text()}`);
}

beforeAll(async () => {
  platform = await detectPlatform();
  server = await platform.serveHttp({
    host: "127.0.0.1",
    port: 0,
    limits: { ...httpLimits, connectionsMax: 4, requestBytesMax: 1_000 },
    logger: silentLogger,
    fetch: handle,
    refuse: (_, why) => new Response(why, { status: why === "connections" ? 503 : 431 }),
  });
  url = `http://127.0.0.1:${server.port}`;
});

afterAll(() => server.stop(0));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await platform.clock.turn();
}

test("a request is answered, with the client's address", async () => {
  const response = await fetch(`${url}/`, { method: "POST", body: "hello" });
  expect(await response.text()).toBe("127.0.0.1 hello");
});

test("what the app throws is a 500 problem that keeps its secret", async () => {
  const response = await fetch(`${url}/throw`);
  expect(response.status).toBe(500);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(await response.text()).not.toContain("secret");
});

test("a body past the limit gets 413", async () => {
  const response = await fetch(`${url}/`, { method: "POST", body: "x".repeat(1_001) });
  expect(response.status).toBe(413);
});

test("a head past the limit is refused in the node's own words, also where the runtime would take less", async () => {
  const long = "x".repeat(2 * httpLimits.headBytesMax);
  const headers = (await heads(`${url}/`, { headers: { long } })).headers;
  expect(headers.get("content-type")).toStartWith("text/plain");
  expect(await (await heads(`${url}/`, { headers: { long } })).text()).toBe("head");
  expect(await (await heads(`${url}/${long}`)).text()).toBe("url");
  const most = "x".repeat(httpLimits.headBytesMax - 1_000);
  expect((await heads(`${url}/`, { headers: { most } })).status).toBe(200);
});

/** An answer with a body. The runtime reads larger heads a moment after its start: its own answer has none. */
async function heads(to: string, init: RequestInit = {}): Promise<Response> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const headers = { ...(init.headers as Record<string, string>), connection: "close" };
    const response = await fetch(to, { ...init, headers });
    if (response.headers.get("content-length") !== "0" && response.headers.has("content-type"))
      return response;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the runtime answered by itself");
}

test("a client that goes away aborts its request's signal and gives its place back", async () => {
  const gone = new AbortController();
  const request = fetch(`${url}/wait`, { signal: gone.signal }).catch(() => "gone");
  await until(() => server.open() === 1);
  gone.abort();
  expect(await request).toBe("gone");
  await until(() => aborted === 1 && server.open() === 0);
});

test("past the connection limit, clients are refused until one is done", async () => {
  held.length = 0;
  const waiting = [1, 2, 3, 4].map(() => fetch(`${url}/wait`));
  await until(() => held.length === 4);
  expect((await fetch(url)).status).toBe(503);
  for (const release of held) release();
  await Promise.all(waiting);
  expect((await fetch(url)).status).toBe(200);
});

test("a WebSocket echoes text and bytes, counts as open, and tells its end", async () => {
  const ws = new WebSocket(url.replace("http", "ws") + "/ws");
  ws.binaryType = "arraybuffer";
  const got: unknown[] = [];
  ws.addEventListener("message", ({ data }) => got.push(data));
  await until(() => got.length === 1);
  ws.send("text");
  ws.send(new Uint8Array([1, 2, 3]));
  await until(() => got.length === 3);
  expect(got.slice(0, 2)).toEqual(["welcome", "text"]);
  expect(new Uint8Array(got[2] as ArrayBuffer)).toEqual(new Uint8Array([1, 2, 3]));
  expect(server.open()).toBe(1);
  ws.close();
  await until(() => server.open() === 0);
});

test("a plain request is not turned into a WebSocket", async () => {
  expect((await fetch(`${url}/ws`)).status).toBe(426);
  await until(() => server.open() === 0);
});

test("the machine's facts", () => {
  expect(platform.name).toBe("bun");
  expect(platform.version).toMatch(/^\d+\.\d+/);
  expect(platform.hostname).not.toBe("");
  expect(platform.pid).toBe(process.pid);
  expect(platform.bootId === null || platform.bootId.length === 36).toBe(true);
  expect(platform.memory().residentBytes).toBeGreaterThan(1_000_000);
  expect(platform.random.bytes(8)).toHaveLength(8);
  const lag = platform.watchLoopLag();
  expect(lag.read().maxMs).toBeGreaterThanOrEqual(0);
  lag.stop();
});

test("what a socket gives and what is dialled are plain bytes, whose slice is a copy", async () => {
  const heard: Uint8Array[] = [];
  const handlers: WireHandlers = {
    data: (bytes) => void heard.push(bytes),
    drained() {},
    closed() {},
  };
  const listening = await platform.listenTcp({
    host: "127.0.0.1",
    port: 0,
    limits: { connectionsMax: 1, connectionsPerAddressMax: 1 },
    open: (wire) => ({
      ...handlers,
      data(bytes) {
        handlers.data(bytes);
        wire.write([bytes]);
      },
    }),
  });
  const wire = await dialTcp("127.0.0.1", listening.port, handlers);
  wire.write([new Uint8Array([1, 2, 3])]);
  await until(() => heard.length === 2);
  wire.drop();
  await listening.stop();
  for (const bytes of heard) {
    expect(bytes.constructor).toBe(Uint8Array);
    expect([...bytes]).toEqual([1, 2, 3]);
    expect(bytes.slice().buffer).not.toBe(bytes.buffer);
  }
});

test("signals are heard until they are let go", async () => {
  let [heard, heardBeside] = [0, 0];
  // Nobody to hear the second one would end this process.
  const beside = () => (heardBeside += 1);
  process.on("SIGHUP", beside);
  const release = platform.onSignal(["SIGHUP"], () => (heard += 1));
  process.kill(process.pid, "SIGHUP");
  await until(() => heard === 1 && heardBeside === 1);
  release();
  process.kill(process.pid, "SIGHUP");
  await until(() => heardBeside === 2);
  process.off("SIGHUP", beside);
  expect(heard).toBe(1);
});

test("stop waits for what is in flight, then closes it", async () => {
  const short = await platform.serveHttp({
    host: "127.0.0.1",
    port: 0,
    limits: httpLimits,
    logger: silentLogger,
    fetch: handle,
    refuse: () => new Response("full", { status: 503 }),
  });
  held.length = 0;
  const finishes = fetch(`http://127.0.0.1:${short.port}/wait`);
  await until(() => held.length === 1);
  const hangs = fetch(`http://127.0.0.1:${short.port}/wait`).catch(() => "cut");
  await until(() => held.length === 2);
  const stopped = short.stop(100);
  held[0]?.();
  expect((await finishes).status).toBe(200);
  expect(await hangs).toBe("cut");
  await stopped;
});
