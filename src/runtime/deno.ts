/**
 * kedge on Deno: `Deno.serve` behind the platform's interface.
 *
 * - Deno closes no connection as idle, so nothing need be held; slow headers and silent connections are not cut here, and
 *   a proxy in front should do it. Slow and oversized bodies are bounded by the app, which reads them. Nor can a socket
 *   be reset here: a reader that stopped is let go of, and its connection stays until the client closes it.
 * - Deno answers a head past 64 KiB, or of more than 100 lines, with a bare 400.
 * - Deno's WebSocket queues without limit and has no drain event: what is unread is asked before each message, and on a
 *   short timer while there is any.
 * - Only what is used of the `Deno` global is declared, so that both runtimes pass one type check.
 */
import type {
  Connection,
  HttpServer,
  Platform,
  ServeHttpOptions,
  Socket,
  SocketHandlers,
} from "../lib/platform.ts";
import { present } from "../lib/assert.ts";
import { countedAddress, Gate, Place } from "./gate.ts";
import { serverError } from "./server-error.ts";
import { listenTcp } from "./node-tcp.ts";
import { systemPlatform } from "./system.ts";

const DRAIN_POLL_MS = 20;
const SOCKET_IDLE_SECONDS = 60;

interface DenoServer {
  readonly addr: { readonly port: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}

interface DenoGlobal {
  readonly version: { readonly deno: string };
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly cert?: string;
      readonly key?: string;
      readonly onListen: () => void;
      readonly onError: (error: unknown) => Response;
    },
    handler: (request: Request, info: DenoInfo) => Promise<Response>,
  ): DenoServer;
  upgradeWebSocket(
    request: Request,
    options: { readonly idleTimeout: number; readonly protocol?: string },
  ): { readonly socket: WebSocket; readonly response: Response };
}

interface DenoInfo {
  readonly remoteAddr: { readonly hostname?: string };
}

export function denoPlatform(): Platform {
  const deno = denoGlobal();
  return {
    name: "deno",
    version: deno.version.deno,
    ...systemPlatform(),
    serveHttp: (options) => Promise.resolve(serve(deno, options)),
    // It hands the bytes themselves to the thread that sends them.
    copiesPieces: false,
    sendsShared: false,
    listenTcp,
  };
}

function denoGlobal(): DenoGlobal {
  // The one boundary to a global that the type check does not know.
  const { Deno } = globalThis as { Deno?: DenoGlobal };
  return present(Deno, "runtime/runtime.ts picks this file on Deno only");
}

function serve(deno: DenoGlobal, options: ServeHttpOptions): HttpServer {
  const gate = new Gate(options.limits);
  const sockets = new Set<DenoSocket>();
  const server = deno.serve(
    {
      hostname: options.host,
      port: options.port,
      ...options.tls,
      onListen() {},
      onError: (error) => serverError(error, options.logger),
    },
    async (request, info) => {
      const address = info.remoteAddr.hostname ?? "";
      const counted = countedAddress(address);
      const { headBytesMax } = options.limits;
      const urlBytes = request.url.length;
      if (urlBytes + headersBytes(request.headers) > headBytesMax)
        return options.refuse(request, urlBytes > headBytesMax ? "url" : "head");
      if (!gate.enter(counted)) return options.refuse(request, "connections");
      const place = new Place(() => gate.leave(counted));
      const connection = new DenoConnection(deno, request, address, place, sockets, options);
      try {
        const response = await options.fetch(request, connection);
        return connection.upgraded ?? response;
      } finally {
        place.release();
      }
    },
  );
  return {
    port: server.addr.port,
    open: () => gate.open,
    stop: (graceMs) => stop(server, sockets, graceMs),
  };
}

function headersBytes(headers: Headers): number {
  let bytes = 0;
  headers.forEach((value, name) => (bytes += name.length + value.length));
  return bytes;
}

async function stop(
  server: DenoServer,
  sockets: ReadonlySet<DenoSocket>,
  graceMs: number,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  // What is still open then ends with the process: Deno throws where a server that shuts down is aborted.
  await Promise.race([server.shutdown(), late]);
  clearTimeout(timer);
  for (const socket of sockets) socket.drop();
}

class DenoConnection implements Connection {
  readonly #deno: DenoGlobal;
  readonly #request: Request;
  readonly #address: string;
  readonly #place: Place;
  readonly #sockets: Set<DenoSocket>;
  readonly #options: ServeHttpOptions;
  /** The answer that Deno made for the upgrade: it has to be returned itself, whatever the app made of it. */
  upgraded: Response | null = null;

  constructor(
    deno: DenoGlobal,
    request: Request,
    address: string,
    place: Place,
    sockets: Set<DenoSocket>,
    options: ServeHttpOptions,
  ) {
    this.#deno = deno;
    this.#request = request;
    this.#address = address;
    this.#place = place;
    this.#sockets = sockets;
    this.#options = options;
  }

  address(): string {
    return this.#address;
  }

  hold(): void {}

  keep(): () => void {
    return this.#place.keep();
  }

  upgrade(handlers: SocketHandlers, protocol: string | null): Response | null {
    if (this.#request.headers.get("upgrade")?.toLowerCase() !== "websocket") return null;
    const upgraded = this.#upgrade(protocol);
    if (!upgraded) return null;
    const { socket: ws, response } = upgraded;
    this.upgraded = response;
    const release = this.#place.keep();
    const socket = new DenoSocket(ws, handlers, this.#options.limits);
    this.#sockets.add(socket);
    ws.addEventListener("close", () => {
      this.#sockets.delete(socket);
      release();
    });
    return new Response(null);
  }

  /** Null for a request that Deno does not take for an upgrade. */
  #upgrade(protocol: string | null): ReturnType<DenoGlobal["upgradeWebSocket"]> | null {
    const options = {
      idleTimeout: SOCKET_IDLE_SECONDS,
      ...(protocol === null ? {} : { protocol }),
    };
    try {
      return this.#deno.upgradeWebSocket(this.#request, options);
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }
}

class DenoSocket implements Socket {
  readonly #ws: WebSocket;
  readonly #handlers: SocketHandlers;
  readonly #unreadBytesMax: number;
  #drainTimer: ReturnType<typeof setTimeout> | null = null;
  #closed = false;

  constructor(
    ws: WebSocket,
    handlers: SocketHandlers,
    limits: { readonly messageBytesMax: number; readonly unreadBytesMax: number },
  ) {
    this.#ws = ws;
    this.#handlers = handlers;
    this.#unreadBytesMax = limits.unreadBytesMax;
    ws.binaryType = "arraybuffer";
    ws.addEventListener("open", () => handlers.open(this));
    ws.addEventListener("message", ({ data }) => {
      const message = typeof data === "string" ? data : new Uint8Array(data);
      const size = typeof message === "string" ? message.length : message.byteLength;
      if (size > limits.messageBytesMax) this.close(1009, "message too large");
      else handlers.message(this, message);
    });
    ws.addEventListener("close", ({ code, reason }) => this.#finish(code, reason));
  }

  send(data: string | Uint8Array): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return;
    if (this.#ws.bufferedAmount > this.#unreadBytesMax) {
      this.drop();
      return;
    }
    this.#ws.send(typeof data === "string" ? data : new Uint8Array(data));
    if (this.#ws.bufferedAmount > 0) this.#watchDrain();
  }

  unreadBytes(): number {
    return this.#ws.bufferedAmount;
  }

  close(code: number, reason: string): void {
    if (this.#ws.readyState <= WebSocket.OPEN) this.#ws.close(code, reason);
  }

  /** Deno cannot reset a socket: we let go of it at once and leave the rest to its idle timeout. */
  drop(): void {
    this.close(1013, "not reading");
    this.#finish(1013, "not reading");
  }

  #finish(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#drainTimer) clearTimeout(this.#drainTimer);
    this.#handlers.closed(code, reason);
  }

  #watchDrain(): void {
    const before = this.#ws.bufferedAmount;
    this.#drainTimer ??= setTimeout(() => {
      this.#drainTimer = null;
      if (this.#closed) return;
      const now = this.#ws.bufferedAmount;
      if (now < before) this.#handlers.drain(this);
      if (now > 0) this.#watchDrain();
    }, DRAIN_POLL_MS);
  }
}
