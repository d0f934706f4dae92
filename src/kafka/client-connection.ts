/**
 * One connection to a broker, seen from the client: the declarations of `apis/` turned around.
 *
 * - Answers come in the order of the requests, so that several may be under way.
 * - Each API is spoken in the newest version that both sides know; a broker that shares none is told by name.
 * - A connection that breaks, or an answer that does not come in time, fails whatever waits, and nothing more is sent.
 */
import { assert } from "../lib/assert.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Wire, WireHandlers } from "../lib/platform.ts";
import type { Decoded, Encodable, Fields } from "../wire/schema.ts";
import { apiVersions } from "./apis/18-api-versions.ts";
import type { Api } from "./define-api.ts";
import { FrameReader } from "./frame-reader.ts";
import { decodeResponse, encodeRequest } from "./frames.ts";

/** Opens a TCP connection; rejects with the system's own error where it cannot. */
export type Dial = (host: string, port: number, handlers: WireHandlers) => Promise<Wire>;

/** Nobody answered, or not in time, or not what can be understood. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Somebody answered, but not in Kafka's protocol. */
export class NotKafka extends Unreachable {}

export interface ConnectionOptions {
  readonly dial: Dial;
  readonly clock: Clock;
  readonly clientId: string;
  /** How long an answer may take beyond what the request itself asks to wait. */
  readonly timeoutMs: number;
}

export interface RequestOptions {
  readonly waitMs?: number;
  readonly versionMax?: number;
}

type Versioned = Pick<Api, "key" | "name" | "versions">;

interface Waiting {
  readonly resolve: (frame: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

/** The largest answer: a fetch gives one batch at least, and batches end at 7 MiB here but not everywhere. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const SOFTWARE = { clientSoftwareName: "kedge", clientSoftwareVersion: "1" };

export class ClientConnection {
  readonly #options: ConnectionOptions;
  readonly #place: string;
  readonly #frames = new FrameReader({ bytesMax: ANSWER_BYTES_MAX, admit: () => true });
  readonly #waiting: Waiting[] = [];
  #wire: Wire | null = null;
  #broken: Unreachable | null = null;
  #correlationId = 0;
  #versions = new Map<number, { readonly min: number; readonly max: number }>();

  private constructor(place: string, options: ConnectionOptions) {
    this.#place = place;
    this.#options = options;
  }

  /** Connects and asks what the broker speaks. Throws Unreachable. */
  static async open(
    host: string,
    port: number,
    options: ConnectionOptions,
  ): Promise<ClientConnection> {
    const connection = new ClientConnection(`${host}:${port}`, options);
    try {
      connection.#wire = await options.dial(host, port, {
        data: (bytes) => connection.#received(bytes),
        drained: () => {},
        closed: () => connection.#fail("closed the connection"),
      });
      await connection.#negotiate();
    } catch (error) {
      connection.close();
      if (error instanceof Unreachable) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new Unreachable(`${host}:${port} cannot be reached: ${reason}`, { cause: error });
    }
    return connection;
  }

  get isBroken(): boolean {
    return this.#broken !== null;
  }

  /** The newest version that both sides know. */
  #versionOf({ key, name, versions }: Versioned, versionMax: number): number {
    const theirs = this.#versions.get(key);
    const version = Math.min(versions.max, versionMax, theirs?.max ?? -1);
    if (theirs && version >= Math.max(versions.min, theirs.min)) return version;
    throw new Unreachable(`${this.#place} does not speak ${name} as this program does`);
  }

  /**
   * Sends a request and gives its answer; `waitMs` is how long the broker was asked to wait, `versionMax` the newest version
   * that the caller has made the request for. Throws Unreachable.
   */
  async request<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    value: Encodable<Req>,
    { waitMs = 0, versionMax = Infinity }: RequestOptions = {},
  ): Promise<Decoded<Res>> {
    return this.#ask(api, this.#versionOf(api, versionMax), value, waitMs);
  }

  close(): void {
    this.#fail("was left");
    this.#wire?.drop();
  }

  async #negotiate(): Promise<void> {
    const { min, max } = apiVersions.versions;
    let answer = await this.#ask(apiVersions, max, SOFTWARE, 0).catch((error: unknown) => {
      // An old broker answers in the layout of version 0, which a later version's reader takes for nonsense.
      if (error instanceof Unreachable) throw error;
      return null;
    });
    if (!answer || answer.errorCode !== 0) answer = await this.#ask(apiVersions, min, SOFTWARE, 0);
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys)
      this.#versions.set(apiKey, { min: minVersion, max: maxVersion });
  }

  async #ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    value: Encodable<Req>,
    waitMs: number,
  ): Promise<Decoded<Res>> {
    if (this.#broken) throw this.#broken;
    assert(this.#wire, "the connection is open");
    const { clientId, clock, timeoutMs } = this.#options;
    this.#correlationId += 1;
    const header = { version, correlationId: this.#correlationId, clientId };
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const timer = clock.after(timeoutMs + waitMs, () => {
      this.#fail(`did not answer ${api.name} in time`);
      this.#wire?.drop();
    });
    this.#waiting.push({ resolve, reject, timer });
    this.#wire.write(encodeRequest(api, header, value));
    return decodeResponse(api, header, await promise);
  }

  #received(bytes: Uint8Array): void {
    this.#frames.push(bytes);
    try {
      for (let frame = this.#frames.next(); frame; frame = this.#frames.next()) {
        const waiting = this.#waiting.shift();
        waiting?.timer.cancel();
        waiting?.resolve(frame.bytes);
      }
    } catch (error) {
      const other = protocolOf(bytes);
      const words =
        other === null
          ? `sent what is not Kafka's protocol (${String(error)})`
          : `speaks ${other}, not Kafka's protocol`;
      this.#fail(words, NotKafka);
      this.#wire?.drop();
    }
  }

  #fail(what: string, Kind: typeof Unreachable = Unreachable): void {
    this.#broken ??= new Kind(`${this.#place} ${what}`);
    for (const { reject, timer } of this.#waiting.splice(0)) {
      timer.cancel();
      reject(this.#broken);
    }
  }
}

/** Which other protocol an answer begins as, of those that a node has. */
function protocolOf(bytes: Uint8Array): "HTTP" | "TLS" | null {
  const [first, second] = bytes;
  if (String.fromCharCode(...bytes.subarray(0, 4)) === "HTTP") return "HTTP";
  return first === TLS_ALERT && second === TLS_MAJOR ? "TLS" : null;
}

const TLS_ALERT = 0x15;
const TLS_MAJOR = 0x03;
