/**
 * kedge on Bun: `Bun.serve` behind the platform's interface.
 *
 * - `idleTimeout` stays on for everyone: it is what cuts slow headers, slow bodies and silent connections. A held
 *   request alone is exempt (`server.timeout(request, 0)`), and since Bun would leave its connection exempt for ever, it
 *   is put back under guard when its answer ends.
 * - Left out, since Bun shows no way: a limit on how long the whole head of a request may take. A client that sends a
 *   byte every few seconds keeps its connection until the head is too large.
 * - HTTP pipelining is not taken: Bun closes a connection that sends its next request before an answer that takes a turn (no
 *   browser, no fetch and no curl does). So requests of one connection are in order, one at a time.
 * - A WebSocket that a client stops reading is dropped at `unreadBytesMax`: beyond its own limit Bun would lose messages
 *   silently.
 */
import type {
  Connection,
  HttpServer,
  Platform,
  ServeHttpOptions,
  Socket,
  SocketHandlers,
} from "../lib/platform.ts";
import { headersBytes, raiseHeadLimit } from "./bun-head.ts";
import { countedAddress, Gate, Place } from "./gate.ts";
import { serverError } from "./server-error.ts";
import { listenTcp } from "./bun-tcp.ts";
import { systemPlatform } from "./system.ts";

const SOCKET_IDLE_SECONDS = 60;
const IDLE_SECONDS_MAX = 255;

interface SocketData {
  readonly handlers: SocketHandlers;
  readonly release: () => void;
  socket: BunSocket | null;
}

export function bunPlatform(): Platform {
  return {
    name: "bun",
    version: Bun.version,
    ...systemPlatform(),
    serveHttp,
    copiesPieces: true,
    sendsShared: true,
    listenTcp,
  };
}

function serveHttp(options: ServeHttpOptions): Promise<HttpServer> {
  const { limits, logger } = options;
  const gate = new Gate(limits);
  // Whoever reaches a loopback address is on this machine: nobody needs to be asked where from.
  const addressed = countedAddress(options.host) !== "" && options.host !== "localhost";
  const server = Bun.serve<SocketData>({
    hostname: options.host,
    port: options.port,
    ...(options.tls ? { tls: options.tls } : {}),
    development: false,
    // On by default outside development: a second node would take half of the first one's connections.
    reusePort: false,
    maxRequestBodySize: limits.requestBytesMax,
    idleTimeout: idleSeconds(options),
    fetch: (request, server) => {
      const address = addressed ? countedAddress(server.requestIP(request)?.address ?? "") : "";
      return answer(request, server, gate, address, options);
    },
    error: (error) => serverError(error, logger),
    websocket: {
      idleTimeout: SOCKET_IDLE_SECONDS,
      maxPayloadLength: limits.messageBytesMax,
      backpressureLimit: limits.unreadBytesMax,
      closeOnBackpressureLimit: true,
      open(ws) {
        ws.data.socket = new BunSocket(ws);
        ws.data.handlers.open(ws.data.socket);
      },
      message({ data: { handlers, socket } }, message) {
        if (socket) handlers.message(socket, message);
      },
      drain({ data: { handlers, socket } }) {
        if (socket) handlers.drain(socket);
      },
      close({ data: { handlers, release } }, code, reason) {
        release();
        handlers.closed(code, reason);
      },
    },
  });
  raiseHeadLimit();
  return Promise.resolve({
    port: server.port ?? 0,
    open: () => gate.open,
    stop: (graceMs) => stop(server, graceMs),
  });
}

async function answer(
  request: Request,
  server: Bun.Server<SocketData>,
  gate: Gate,
  address: string,
  options: ServeHttpOptions,
): Promise<Response> {
  const { headBytesMax } = options.limits;
  const urlBytes = request.url.length;
  if (urlBytes + headersBytes(request.headers) > headBytesMax)
    return options.refuse(request, urlBytes > headBytesMax ? "url" : "head");
  if (!gate.enter(address)) return options.refuse(request, "connections");
  const connection = new BunConnection(request, server, options, () => gate.leave(address));
  try {
    return await options.fetch(request, connection);
  } catch (error) {
    return serverError(error, options.logger);
  } finally {
    connection.place.release();
  }
}

function idleSeconds({ limits }: ServeHttpOptions): number {
  return Math.min(Math.max(Math.round(limits.idleMs / 1000), 1), IDLE_SECONDS_MAX);
}

async function stop(server: Bun.Server<SocketData>, graceMs: number): Promise<void> {
  const idle = server.stop(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), graceMs);
  });
  const outcome = await Promise.race([idle, late]);
  clearTimeout(timer);
  if (outcome === "late") await server.stop(true);
}

class BunConnection implements Connection {
  readonly place: Place;
  readonly #request: Request;
  readonly #server: Bun.Server<SocketData>;
  #held = false;

  constructor(
    request: Request,
    server: Bun.Server<SocketData>,
    options: ServeHttpOptions,
    leave: () => void,
  ) {
    this.#request = request;
    this.#server = server;
    this.place = new Place(() => {
      if (this.#held) server.timeout(request, idleSeconds(options));
      leave();
    });
  }

  address(): string {
    return this.#server.requestIP(this.#request)?.address ?? "";
  }

  hold(): void {
    this.#held = true;
    this.#server.timeout(this.#request, 0);
  }

  keep(): () => void {
    return this.place.keep();
  }

  upgrade(handlers: SocketHandlers, protocol: string | null): Response | null {
    const release = this.keep();
    const data: SocketData = { handlers, release, socket: null };
    const headers = protocol === null ? {} : { "sec-websocket-protocol": protocol };
    if (this.#server.upgrade(this.#request, { data, headers })) return new Response(null); // Bun drops it.
    release();
    return null;
  }
}

class BunSocket implements Socket {
  readonly #ws: Bun.ServerWebSocket<SocketData>;

  constructor(ws: Bun.ServerWebSocket<SocketData>) {
    this.#ws = ws;
  }

  send(data: string | Uint8Array): void {
    this.#ws.send(data);
  }

  unreadBytes(): number {
    return this.#ws.getBufferedAmount();
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }

  drop(): void {
    this.#ws.terminate();
  }
}
