/**
 * A connection that speaks Kafka's protocol by the declarations of `src/kafka/apis`, for tests: typed requests and answers of
 * any version, or raw bytes.
 *
 *     const connection = await connectKafka("127.0.0.1:9092");
 *     const { topics } = await connection.send(metadata, 12, { topics: null });
 *
 * - Several requests may be sent before their answers are awaited; answers are taken in the order of requests.
 * - Fields may be left out where the declaration has a default; those that the version lacks are left out by the encoder.
 */
import { connect, type Socket } from "node:net";
import type { Decoded, Encodable, Fields } from "../../src/wire/schema.ts";
import type { Api } from "../../src/kafka/define-api.ts";
import { decodeResponse, encodeRequest } from "../../src/kafka/frames.ts";

export interface KafkaConnection {
  /** HOST:PORT, as given. */
  readonly address: string;
  /** Sends a request and gives its answer; rejects when the connection closes before. */
  send<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): Promise<Decoded<Res>>;
  /** Sends a request that has no answer. */
  tell<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): void;
  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void;
  /** The next frame that nobody waits for, without its size; null when the connection closes before. */
  frame(): Promise<Uint8Array | null>;
  /** Stops and goes on reading from the socket. */
  pause(): void;
  resume(): void;
  /** Resolves once the other side, or `close`, has closed it. */
  readonly closed: Promise<void>;
  close(): void;
}

export async function connectKafka(
  address: string,
  clientId: string | null = "conformance",
): Promise<KafkaConnection> {
  const colon = address.lastIndexOf(":");
  const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon));
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return new Connection(address, socket, clientId);
}

class Connection implements KafkaConnection {
  readonly address: string;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #clientId: string | null;
  #buffer: Uint8Array = new Uint8Array();
  readonly #frames: Uint8Array[] = [];
  readonly #waiting: ((frame: Uint8Array | null) => void)[] = [];
  #nextId = 1;
  #over = false;

  constructor(address: string, socket: Socket, clientId: string | null) {
    this.address = address;
    this.#socket = socket;
    this.#clientId = clientId;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Uint8Array) => this.#take(bytes));
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#over = true;
        for (const waiting of this.#waiting.splice(0)) waiting(null);
        resolve();
      });
    });
  }

  async send<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): Promise<Decoded<Res>> {
    const correlationId = this.#write(api, version, request);
    const bytes = await this.frame();
    if (!bytes) throw new Error(`the connection closed before ${api.name} was answered`);
    return decodeResponse(api, { version, correlationId }, bytes);
  }

  tell<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): void {
    this.#write(api, version, request);
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  frame(): Promise<Uint8Array | null> {
    const frame = this.#frames.shift();
    if (frame) return Promise.resolve(frame);
    if (this.#over) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #write<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    request: Encodable<Req>,
  ): number {
    const correlationId = this.#nextId++;
    const header = { version, correlationId, clientId: this.#clientId };
    this.raw(Buffer.concat(encodeRequest(api, header, request)));
    return correlationId;
  }

  #take(bytes: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    for (;;) {
      if (this.#buffer.length < 4) return;
      const view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset);
      const end = 4 + view.getInt32(0);
      if (this.#buffer.length < end) return;
      const frame = this.#buffer.slice(4, end);
      this.#buffer = this.#buffer.subarray(end);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(frame);
      else this.#frames.push(frame);
    }
  }
}
