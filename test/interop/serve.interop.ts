/**
 * What this runtime's HTTP server does with bad and slow clients by itself: facts that the doors rely on, held so that an
 * upgrade of the runtime cannot take one away unseen (oven-sh/bun#27507, #34504, #6758, #28636 were such).
 *
 * Raw sockets throughout; several seconds long, since it waits for idle time-outs.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { httpLimits as appLimits } from "../../src/http/limits.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import {
  type Connection,
  httpLimits,
  type HttpServer,
  type Socket as WireSocket,
} from "../../src/lib/platform.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";
import { openApp } from "../conformance/http-door.ts";

const idleMs = 2_000;
/** Bun looks at its timers every four seconds. */
const idleSlackMs = 6_000;

let server: HttpServer;
let asked = 0;
let aborted = 0;
let streamed = 0;
const closedSockets: number[] = [];
let wire: WireSocket | null = null;

async function handle(request: Request, connection: Connection): Promise<Response> {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/held":
      connection.hold();
      await Bun.sleep(idleMs + idleSlackMs);
      return new Response("held");
    case "/slow":
      await Bun.sleep(idleMs + idleSlackMs);
      return new Response("slow");
    case "/gone":
      connection.hold();
      asked += 1;
      return new Promise((resolve) => {
        request.signal.addEventListener("abort", () => {
          aborted += 1;
          resolve(new Response());
        });
      });
    case "/flood": {
      connection.hold();
      const release = connection.keep();
      const source = {
        pull(controller: ReadableStreamDefaultController<Uint8Array>) {
          streamed += 65_536;
          controller.enqueue(new Uint8Array(65_536));
        },
        cancel: release,
      };
      return new Response(new ReadableStream(source, { highWaterMark: 0 }));
    }
    case "/ws":
      return (
        connection.upgrade(
          {
            open: (socket) => (wire = socket),
            message() {},
            drain() {},
            closed: (code) => void closedSockets.push(code),
          },
          null,
        ) ?? new Response(null, { status: 426 })
      );
    default:
      return new Response(`${(await request.arrayBuffer()).byteLength}`);
  }
}

beforeAll(async () => {
  const platform = await detectPlatform();
  server = await platform.serveHttp({
    host: "127.0.0.1",
    port: 0,
    limits: { ...httpLimits, idleMs, requestBytesMax: 1_000, unreadBytesMax: 4 * 1024 * 1024 },
    logger: silentLogger,
    fetch: handle,
    refuse: () => new Response(null, { status: 503 }),
  });
});

afterAll(() => server.stop(0));

/** A client that says what it is told, when it is told, and keeps what it hears. */
class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<number>;
  text = "";

  constructor(port: number, ...says: (string | number)[]) {
    const started = performance.now();
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (data) => (this.text += data.toString("latin1")));
    this.socket.on("error", () => {}); // Being cut off is what these tests wait for.
    this.closed = new Promise((resolve) => {
      this.socket.on("close", () => resolve(performance.now() - started));
    });
    void this.#say(says);
  }

  async #say(says: readonly (string | number)[]): Promise<void> {
    for (const say of says) {
      if (typeof say === "number") await Bun.sleep(say);
      else this.socket.write(say);
    }
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1] ?? 0);
  }

  /** The status of the answer, once there is one or the server has hung up. */
  async answered(): Promise<number> {
    for (let at = 0; at < 1_000 && this.status === 0 && !this.socket.destroyed; at++)
      await Bun.sleep(5);
    return this.status;
  }
}

async function until(what: () => boolean, mostMs = 10_000): Promise<void> {
  for (let at = 0; at < mostMs / 5 && !what(); at++) await Bun.sleep(5);
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const post = (headers: string, body = "") => `POST / HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`;

describe("malformed requests", () => {
  const big = "x".repeat(1_001);
  const rows: [string, string, number[]][] = [
    [
      "a length and chunks at once",
      post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      [400],
    ],
    ["two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), [400]],
    ["a length that is none", post("Content-Length: -3\r\n", "abc"), [400]],
    [
      "a head of 1 MiB",
      `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(1024 * 1024)}\r\n\r\n`,
      [431],
    ],
    ["a body over the limit", post("Content-Length: 1001\r\n", big), [413]],
    [
      "chunks over the limit",
      post("Transfer-Encoding: chunked\r\n", `3e9\r\n${big}\r\n0\r\n\r\n`),
      [413],
    ],
    ["no HTTP at all", "\x16\x03\x01\x02\x00\r\n\r\n", [400, 0]],
    ["a NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: a\0b\r\n\r\n", [400]],
  ];
  for (const [name, text, statuses] of rows)
    test(name, async () => {
      const client = new RawClient(server.port, text);
      expect(statuses).toContain(await client.answered());
      client.socket.destroy();
    });

  test("a chunk whose size is no number: never taken for a body", async () => {
    const client = new RawClient(
      server.port,
      post("Transfer-Encoding: chunked\r\n", "zz\r\nabc\r\n0\r\n\r\n"),
    );
    expect([400, 0]).toContain(await client.answered());
    client.socket.destroy();
  });

  test("pipelined requests are answered one by one, in order", async () => {
    const client = new RawClient(
      server.port,
      post("Content-Length: 1\r\n", "a") + post("Content-Length: 2\r\n", "ab") + get("/"),
    );
    for (let at = 0; at < 400 && client.text.split("HTTP/1.1 200").length < 4; at++)
      await Bun.sleep(5);
    expect(client.text.match(/\r\n\r\n\d/g)).toEqual(["\r\n\r\n1", "\r\n\r\n2", "\r\n\r\n0"]);
    client.socket.destroy();
  });
});

describe("slow clients", () => {
  const within = idleMs + idleSlackMs;

  test.concurrent("a silent connection is closed", async () => {
    expect(await new RawClient(server.port).closed).toBeLessThan(16_000);
  }, 30_000);

  test.concurrent("a head that stops is cut off", async () => {
    const client = new RawClient(server.port, "GET / HTTP/1.1\r\nHost: x\r\n");
    expect(await client.closed).toBeLessThan(16_000);
  }, 30_000);

  test.concurrent("a body that stops is cut off", async () => {
    const client = new RawClient(server.port, post("Content-Length: 100\r\n", "abc"));
    expect(await client.closed).toBeLessThan(within);
  }, 30_000);

  test.concurrent("chunks that stop are cut off", async () => {
    const client = new RawClient(
      server.port,
      post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"),
    );
    expect(await client.closed).toBeLessThan(within);
  }, 30_000);

  test.concurrent("an answer that is not held is cut off: long polls must hold", async () => {
    const client = new RawClient(server.port, get("/slow"));
    expect(await client.closed).toBeLessThan(within);
    expect(client.status).toBe(0);
  }, 30_000);

  test.concurrent("an answer that is held comes, and its connection is guarded again", async () => {
    const client = new RawClient(server.port, get("/held"));
    const closedMs = await client.closed;
    expect(client.status).toBe(200);
    expect(closedMs).toBeGreaterThan(within);
    expect(closedMs).toBeLessThan(2 * within);
  }, 30_000);

  test.concurrent("a held connection that goes on with half a head is cut off", async () => {
    const client = new RawClient(server.port, get("/held"), within + 500, "GET / HT");
    expect(await client.closed).toBeLessThan(2 * within + 2_000);
  }, 40_000);
});

describe("kedge over it, where the runtime would cut off without an answer", () => {
  let app: Awaited<ReturnType<typeof openApp>>;
  let door: HttpServer;
  const limits = { ...appLimits, holdAfterMs: 500, bodyMs: idleMs + idleSlackMs + 2_000 };

  beforeAll(async () => {
    app = await openApp({ limits });
    door = await (
      await detectPlatform()
    ).serveHttp({
      host: "127.0.0.1",
      port: 0,
      limits: { ...httpLimits, idleMs },
      logger: silentLogger,
      fetch: (request, connection) => app.app.fetch(request, connection),
      refuse: () => new Response(null, { status: 503 }),
    });
    await fetch(`http://127.0.0.1:${door.port}/v1/topics`, {
      method: "POST",
      body: '{"name":"slow"}',
    });
  });
  afterAll(async () => {
    await door.stop(0);
    await app.close();
  });

  const head = (how: string) =>
    `POST /v1/topics/slow/records HTTP/1.1\r\nHost: 127.0.0.1\r\n${how}\r\n`;
  const forms: [string, string, string, string][] = [
    ["small", head("Content-Length: 6\r\n"), "abc", "def"],
    ["large", head("Content-Length: 100000\r\n"), "abc", "x".repeat(99_997)],
    ["of chunks", head("Transfer-Encoding: chunked\r\n"), "3\r\nabc\r\n", "0\r\n\r\n"],
  ];

  test.concurrent.each(forms)(
    "a slow body is taken: %s",
    async (_, start, some, rest) => {
      const client = new RawClient(door.port, start, some, idleMs + idleSlackMs, rest);
      await until(() => client.status !== 0, 2 * (idleMs + idleSlackMs));
      expect(client.status).toBe(200);
      client.socket.destroy();
    },
    30_000,
  );

  test.concurrent("one that never comes is told so, and its connection closed", async () => {
    const client = new RawClient(door.port, head("Content-Length: 6\r\n"), "abc");
    await client.closed;
    expect(client.status).toBe(408);
    expect(client.text).toContain('"code":"body_timed_out"');
  }, 30_000);
});

describe("clients that leave or stop reading", () => {
  test("leaving aborts the request's signal, held or not", async () => {
    const client = new RawClient(server.port, get("/gone"));
    await until(() => asked === 1);
    client.socket.destroy();
    await until(() => aborted === 1);
    expect([asked, aborted]).toEqual([1, 1]);
  });

  test("a stream whose reader stops is pulled a few MiB and no more", async () => {
    const client = new RawClient(server.port, get("/flood"));
    client.socket.pause();
    let once = 0;
    for (let looks = 0; looks < 20 && (once === 0 || streamed !== once); looks += 1) {
      once = streamed;
      await Bun.sleep(500);
    }
    expect(streamed).toBe(once);
    expect(streamed).toBeGreaterThan(0);
    expect(streamed).toBeLessThan(16 * 1024 * 1024);
    client.socket.destroy();
    await until(() => server.open() === 0);
    expect(server.open()).toBe(0);
  });

  test("a WebSocket whose reader stops tells what is unread, and is closed past the limit", async () => {
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    const upgrade = `GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`;
    const client = new RawClient(server.port, upgrade);
    expect(await client.answered()).toBe(101);
    client.socket.pause();
    await until(() => wire !== null);
    const message = "x".repeat(65_536);
    let seen = 0;
    for (let sent = 0; sent < 1_000 && closedSockets.length === 0; sent++) {
      wire?.send(message);
      seen = Math.max(seen, wire?.unreadBytes() ?? 0);
      await Bun.sleep(0);
    }
    expect(seen).toBeGreaterThan(1024 * 1024);
    expect(seen).toBeLessThan(6 * 1024 * 1024);
    expect(closedSockets).toHaveLength(1);
    client.socket.destroy();
  });
});
