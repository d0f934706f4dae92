/**
 * The least an HTTP/1.1 client can be: one keep-alive socket, one request at a time, written by hand.
 *
 * - `fetch` costs several times as much a request and holds at most 256 at once, so it would measure itself.
 * - Answers may be sized, chunked or bodyless; a body is collected, or handed on piece by piece as it comes.
 * - Left out: pipelining, redirects, compression, TLS, trailers.
 */
import type { Socket } from "bun";

export interface Answer {
  readonly status: number;
  /** Status line and headers as they came, lower-cased. */
  readonly head: string;
  /** Empty when the body was handed on in pieces. */
  readonly body: Buffer;
}

/** Takes a piece of a body, which is valid during the call only. */
export type BodySink = (piece: Buffer) => void;

interface Waiting {
  readonly answered: (answer: Answer) => void;
  readonly failed: (error: Error) => void;
  readonly sink: BodySink | null;
}

type State = "head" | "sized" | "chunk size" | "chunk" | "chunk end";

const headEnd = Buffer.from("\r\n\r\n");
const nothing = Buffer.alloc(0);

/** A request as it goes over the wire. */
export function encodeRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array = nothing,
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (body.length > 0 || method !== "GET") lines.push(`content-length: ${body.length}\r\n`);
  const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join("")}\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/** The value of one header of an answer's head, or null. */
export function headerOf(head: string, name: string): string | null {
  const at = head.indexOf(`\r\n${name}:`);
  if (at < 0) return null;
  const end = head.indexOf("\r\n", at + 2);
  return head.slice(at + name.length + 3, end < 0 ? undefined : end).trim();
}

export class Wire {
  #socket: Socket | null = null;
  #unsent: Uint8Array = nothing;
  #waiting: Waiting | null = null;
  #state: State = "head";
  #held: Buffer = nothing;
  #status = 0;
  #head = "";
  #pieces: Buffer[] = [];
  /** Bytes of the sized body or of the chunk that are still to come. */
  #missing = 0;

  static async connect(port: number): Promise<Wire> {
    const wire = new Wire();
    wire.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, data) => wire.#receive(data),
        drain: () => wire.#flush(),
        close: () => wire.#fail(new Error("the server closed the connection")),
        error: (_, error) => wire.#fail(error),
      },
    });
    return wire;
  }

  /** Sends one request and gives its answer; without a `sink` the body is collected. */
  exchange(request: Uint8Array, sink: BodySink | null = null): Promise<Answer> {
    return new Promise((answered, failed) => this.send(request, { answered, failed, sink }));
  }

  /** As `exchange`, without the cost of a promise. */
  send(request: Uint8Array, waiting: Waiting): void {
    if (this.#waiting) throw new Error("one request at a time");
    if (!this.#socket) return waiting.failed(new Error("the connection is closed"));
    this.#waiting = waiting;
    this.#unsent = request;
    this.#flush();
  }

  /** Closes the socket; a request that waits is dropped without a word. */
  close(): void {
    this.#waiting = null;
    this.#socket?.end();
    this.#socket = null;
  }

  /** Bun's sockets do not buffer: what `write` did not take is written again on drain. */
  #flush(): void {
    if (this.#unsent.length === 0 || !this.#socket) return;
    const written = this.#socket.write(this.#unsent);
    this.#unsent = written < this.#unsent.length ? this.#unsent.subarray(written) : nothing;
  }

  #fail(error: Error): void {
    this.#socket = null;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.failed(error);
  }

  #receive(data: Buffer): void {
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, data]) : data;
    this.#held = nothing;
    while (rest.length > 0) {
      const taken = this.#take(rest);
      if (taken < 0) {
        this.#held = rest;
        return;
      }
      rest = rest.subarray(taken);
    }
  }

  /** Takes the next part of an answer and gives its length, or -1 when more must come first. */
  #take(data: Buffer): number {
    switch (this.#state) {
      case "head": {
        const end = data.indexOf(headEnd);
        if (end < 0) return -1;
        this.#begin(data.toString("latin1", 0, end).toLowerCase());
        return end + 4;
      }
      case "sized":
      case "chunk": {
        const piece = data.length > this.#missing ? data.subarray(0, this.#missing) : data;
        this.#missing -= piece.length;
        this.#body(piece);
        if (this.#missing === 0) {
          if (this.#state === "chunk") this.#state = "chunk end";
          else this.#finish();
        }
        return piece.length;
      }
      case "chunk size": {
        const end = data.indexOf("\r\n");
        if (end < 0) return -1;
        this.#missing = Number.parseInt(data.toString("latin1", 0, end), 16);
        if (this.#missing > 0) {
          this.#state = "chunk";
          return end + 2;
        }
        if (data.length < end + 4) return -1;
        this.#finish();
        return end + 4;
      }
      case "chunk end":
        if (data.length < 2) return -1;
        this.#state = "chunk size";
        return 2;
      default:
        return this.#state satisfies never;
    }
  }

  #begin(head: string): void {
    this.#head = head;
    this.#status = Number(head.slice(9, 12));
    const length = headerOf(head, "content-length");
    if (length !== null) this.#missing = Number(length);
    else if (headerOf(head, "transfer-encoding") === "chunked") {
      this.#state = "chunk size";
      return;
    } else this.#missing = 0;
    this.#state = "sized";
    if (this.#missing === 0 || this.#status === 204) this.#finish();
  }

  #body(piece: Buffer): void {
    const sink = this.#waiting?.sink;
    if (sink) sink(piece);
    else this.#pieces.push(piece);
  }

  #finish(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#state = "head";
    const waiting = this.#waiting;
    this.#waiting = null;
    const body =
      pieces.length === 0 ? nothing : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    waiting?.answered({ status: this.#status, head: this.#head, body });
  }
}
