/**
 * What the house needs of a JavaScript runtime, and nothing more: Bun's and Deno's answers are in runtime/.
 *
 * - HTTP arrives as `fetch`-shaped requests with a `Connection` beside each: who is there, hold the answer open, turn it
 *   into a WebSocket. Both runtimes give the same `Socket`, so that its users are written once.
 * - TCP arrives as a `Wire` per connection, whose bytes the platform queues in both directions: whoever uses it asks how
 *   much is unsent and pauses what it does not want yet, or memory has no bound.
 * - Left out: workers; storage starts its own.
 */
import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { Random } from "./random.ts";

export interface Platform {
  readonly name: "bun" | "deno";
  /** The runtime's own version. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  readonly pid: number;
  /** Changes with every start of the machine's kernel; null where it is not known (count it as changed). */
  readonly bootId: string | null;
  readonly memory: () => MemoryUse;
  /** Starts watching how late the event loop runs; the answer gives what was seen since it was last asked. */
  readonly watchLoopLag: () => LoopLagWatch;
  readonly makeLogger: (options: LoggerOptions) => ProcessLogger;
  /** Opens the port; rejects with the runtime's own error (EADDRINUSE, EACCES, …) where it cannot. */
  readonly serveHttp: (options: ServeHttpOptions) => Promise<HttpServer>;
  /** Whether `serveHttp` has sent or copied a piece of a streamed body when it asks for the next one. */
  readonly copiesPieces: boolean;
  /** Whether what is sent may lie in memory that threads share: the web's standards forbid it in a body. */
  readonly sendsShared: boolean;
  /** Opens the port for raw connections; rejects like `serveHttp`. */
  readonly listenTcp: (options: ListenTcpOptions) => Promise<TcpServer>;
  /** Calls `fire` on each of the signals, until the answer is called. */
  readonly onSignal: (
    signals: readonly StopSignal[],
    fire: (signal: StopSignal) => void,
  ) => () => void;
}

export type StopSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

export interface MemoryUse {
  readonly residentBytes: number;
  readonly heapBytes: number;
}

export interface LoopLag {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface LoopLagWatch {
  read(): LoopLag;
  stop(): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto`: short lines for a person on a terminal, else one JSON object a line. */
  readonly format: "auto" | "json" | "short";
}

export interface ProcessLogger extends Logger {
  level: LogLevel;
}

export interface ServeHttpOptions {
  readonly host: string;
  /** 0: any free port; the server tells which. */
  readonly port: number;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly limits: HttpLimits;
  readonly logger: Logger;
  readonly fetch: (request: Request, connection: Connection) => Response | Promise<Response>;
  /** What a client past a limit gets. */
  readonly refuse: (request: Request, why: RefusedFor) => Response;
}

/** Which limit a request is past: the connections', that of its URL, or that of URL and headers. */
export type RefusedFor = "connections" | "url" | "head";

export interface HttpLimits {
  /** Requests and sockets in flight at once, over all clients. */
  readonly connectionsMax: number;
  /** The same for one client address; loopback addresses are exempt. */
  readonly connectionsPerAddressMax: number;
  /** A request's URL and headers; a runtime that reads no more than this answers in its own words. */
  readonly headBytesMax: number;
  /**
   * Larger request bodies are cut off by the runtime where it can (Bun), without a word: high, since an upload of lines has
   * no end of its own; whoever reads a body whole bounds it. A body that nobody reads is not kept in memory.
   */
  readonly requestBytesMax: number;
  /** A connection that sends nothing for so long is closed, unless its request is held. Whole seconds, 1-255 s. */
  readonly idleMs: number;
  /** Larger WebSocket messages close their socket with 1009. */
  readonly messageBytesMax: number;
  /** A WebSocket whose client lets more than this pile up unread is closed. */
  readonly unreadBytesMax: number;
}

export const httpLimits: HttpLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 1_000,
  headBytesMax: 32 * 1024,
  requestBytesMax: 2 ** 60,
  idleMs: 10_000,
  messageBytesMax: 8 * 1024 * 1024,
  unreadBytesMax: 16 * 1024 * 1024,
};

/** The wire that one request came on. */
export interface Connection {
  /** The client's IP address; empty when it has gone. */
  address(): string;
  /**
   * This answer may be silent for long (a long poll, a stream): do not close the connection as idle. It also lifts the guard
   * against slow bodies, so one that is not read yet needs a limit of its own; the next request is guarded again.
   */
  hold(): void;
  /** Counts the request as open, past its answer's head, until the function that it gives is called (streams do so). */
  keep(): () => void;
  /**
   * Turns the request into a WebSocket of that subprotocol, one of those offered; null when it is not an upgrade. The
   * answer is to be returned as it is.
   */
  upgrade(handlers: SocketHandlers, protocol: string | null): Response | null;
}

/** A WebSocket seen from the server. */
export interface Socket {
  /** Queues a message; never blocks. Ask `unreadBytes` before sending much. Nothing happens on a closed socket. */
  send(data: string | Uint8Array): void;
  /** Bytes that the client has not taken yet, as far as the runtime knows. */
  unreadBytes(): number;
  /** Closes politely; `reason` at most 123 bytes of UTF-8. */
  close(code: number, reason: string): void;
  /** Drops the connection at once: for a client that no longer reads. */
  drop(): void;
}

export interface SocketHandlers {
  open(socket: Socket): void;
  message(socket: Socket, data: string | Uint8Array): void;
  /** The client has taken some, or all, of what was unread. */
  drain(socket: Socket): void;
  /** Called exactly once, whoever closed. */
  closed(code: number, reason: string): void;
}

export interface HttpServer {
  readonly port: number;
  /** Requests and sockets in flight. */
  open(): number;
  /** Refuses new connections, waits up to `graceMs` for those in flight, then closes what is left. */
  stop(graceMs: number): Promise<void>;
}

export interface ListenTcpOptions {
  readonly host: string;
  /** 0: any free port; the server tells which. */
  readonly port: number;
  readonly limits: TcpLimits;
  /** A client is there: what is to happen with it. Clients past a limit are closed without being shown. */
  readonly open: (wire: Wire) => WireHandlers;
}

export interface TcpLimits {
  readonly connectionsMax: number;
  /** For one client address; loopback addresses are exempt. */
  readonly connectionsPerAddressMax: number;
}

/** A TCP connection seen from the server. Nothing happens on one that has closed. */
export interface Wire {
  /** The client's IP address. */
  readonly address: string;
  /** Sends the pieces in order, or queues them; never blocks. They must not change until they are sent. */
  write(pieces: readonly Uint8Array[]): void;
  /** Bytes that the operating system has not taken yet. */
  unsentBytes(): number;
  /** No more `data` until `resume`: the client is held up by TCP itself. */
  pause(): void;
  resume(): void;
  /** Closes once everything written has been sent. */
  end(): void;
  /** Closes at once. */
  drop(): void;
}

export interface WireHandlers {
  /** Bytes as they came; the array is the receiver's to keep. */
  data(bytes: Uint8Array): void;
  /** The operating system has taken some of what was unsent. */
  drained(): void;
  /** Called exactly once, whoever closed. */
  closed(): void;
}

export interface TcpServer {
  readonly port: number;
  /** Connections that are open. */
  open(): number;
  /** Takes no new connections; those there are stay. */
  stop(): Promise<void>;
}
