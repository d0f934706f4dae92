/**
 * Requests to one node: address, credential, time-outs, retries, and problem documents turned into errors.
 *
 * A request is sent again only if that cannot do its work twice: the node said that nothing happened, or the request is
 * repeatable by nature (it reads, or carries an idempotency key).
 */
import { errorOf, isObject, KedgeError, noAnswer } from "./errors.ts";
import { Linked } from "./linked.ts";
import { parsed, type Check } from "./shape.ts";
import { pauseMs, retryDefaults, sleep, type RetryOptions, type RetryPolicy } from "./retry.ts";

/** `fetch` as every runtime has it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface KedgeOptions {
  /** Where the node is: `http://127.0.0.1:8080`; a path in it is kept as a prefix. What is no address throws a TypeError. */
  readonly url: string | URL;
  /** The node's bearer token. */
  readonly token?: string | undefined;
  /** Stands in for the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** `false` never retries; by default calls that may be repeated are, for 60 s: `onRetry` hears of it. */
  readonly retry?: RetryOptions | false | undefined;
  /** Called with each try that failed and will be repeated, of any call. */
  readonly onRetry?: ((error: KedgeError) => void) | undefined;
  /** How long one try may take, beside what a long poll asks to wait; 30 s. */
  readonly timeoutMs?: number | undefined;
}

/** An array gives its name once for each of its values. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path segments; each is escaped. */
  readonly path: readonly (string | number)[];
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is JSON. */
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
  /** Sending it twice is harmless. */
  readonly repeatable: boolean;
  /** On top of the time-out: how long the node was asked to wait. */
  readonly waitMs?: number;
  /** Called with each try that failed and will be repeated. */
  readonly onRetry?: (error: KedgeError) => void;
}

/** A call that says something; may be sent twice unless told otherwise. */
export function sending(
  method: "POST" | "PUT" | "PATCH",
  path: Call["path"],
  body: unknown,
  repeatable = true,
): Call {
  return { method, path, body: JSON.stringify(body), repeatable };
}

const TIMEOUT_MS = 30_000;

/** The address that paths are put behind. Throws TypeError for what is none. */
function baseOf(url: string | URL): string {
  // In a page an address may be relative to it.
  const page = globalThis.location?.href;
  const parsed = URL.canParse(String(url), page) ? new URL(String(url), page) : null;
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw new TypeError(
      `url must be a node's address such as http://127.0.0.1:8080, not "${url}".`,
    );
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, "");
}

export class Transport {
  readonly #base: string;
  readonly #token: string | undefined;
  readonly #fetch: Fetch;
  readonly #timeoutMs: number;
  readonly #onRetry: ((error: KedgeError) => void) | undefined;
  readonly retry: RetryPolicy;

  // `new Kedge()` of a program without types: no address, in a page neither.
  constructor(options: KedgeOptions = { url: "//" }) {
    this.#base = baseOf(options.url);
    this.#token = options.token;
    // A bare `fetch` must be called on the global: browsers refuse another `this`.
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#onRetry = options.onRetry;
    this.retry = options.retry === false ? noRetry : { ...retryDefaults, ...options.retry };
  }

  /** A call whose success says nothing more. Rejects with `KedgeError`, or the signal's reason. */
  async done(call: Call): Promise<void> {
    const text = await this.#text(call);
    // 204 has no body; a proxy's page is no success.
    if (text !== "") parsed(text, isObject);
  }

  /** The body of a success as text. */
  #text(call: Call): Promise<string> {
    return this.#retried(call, (signal) => this.#once(call, signal, (response) => response.text()));
  }

  /** The JSON of a success. @throws KedgeError `bad_answer` where it has not the shape that the call's answer has. */
  async json<Shape>(call: Call, isShape: Check<Shape>): Promise<Shape> {
    return parsed(await this.#text(call), isShape);
  }

  /**
   * One try of a call whose answer is a stream: the time-out covers its headers alone, `call.signal` the whole, so each
   * stream wants a signal of its own (this one keeps a listener on it).
   */
  async open(call: Call): Promise<Response> {
    const watch = new Watch(this.#timeoutMs + (call.waitMs ?? 0), call.signal);
    try {
      const response = await this.#send(call, watch.signal);
      if (!response.ok) throw await problemOf(response);
      watch.disarm();
      return response;
    } catch (cause) {
      watch.end();
      throw watch.explain(cause, this.#base);
    }
  }

  /** As `open`, tried again while no answer has begun. */
  openRetried(call: Call): Promise<Response> {
    return this.#retried(call, () => this.open(call));
  }

  /** Tells whoever wants to know that a try failed and will be repeated. */
  retrying(error: KedgeError, call: Pick<Call, "onRetry"> = {}): void {
    call.onRetry?.(error);
    this.#onRetry?.(error);
  }

  async #retried<T>(call: Call, attempt: (signal?: AbortSignal) => Promise<T>): Promise<T> {
    const started = performance.now();
    for (let tries = 1; ; tries++) {
      try {
        return await attempt(call.signal);
      } catch (error) {
        if (!(error instanceof KedgeError)) throw error;
        const spentMs = performance.now() - started;
        const pause = pauseMs(error, call.repeatable, tries, spentMs, this.retry);
        if (pause === null) throw error;
        this.retrying(error, call);
        await sleep(pause, call.signal);
      }
    }
  }

  async #once<T>(
    call: Call,
    signal: AbortSignal | undefined,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const watch = new Watch(this.#timeoutMs + (call.waitMs ?? 0), signal);
    try {
      const response = await this.#send(call, watch.signal);
      if (!response.ok) throw await problemOf(response);
      return await read(response);
    } catch (cause) {
      throw watch.explain(cause, this.#base);
    } finally {
      watch.end();
    }
  }

  #send(call: Call, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { ...call.headers };
    if (typeof call.body === "string") headers["content-type"] = "application/json";
    if (this.#token !== undefined) headers["authorization"] = `Bearer ${this.#token}`;
    const init: RequestInit & { duplex?: "half" } = { method: call.method, headers, signal };
    if (call.body !== undefined) init.body = call.body;
    // The Fetch standard wants this said for a body that is a stream.
    if (call.body instanceof ReadableStream) init.duplex = "half";
    return this.#fetch(this.#base + pathOf(call.path) + queryOf(call.query), init);
  }
}

const noRetry: RetryPolicy = { ...retryDefaults, budgetMs: 0 };

/** A time limit and the caller's signal as one signal, with nothing left behind on either. */
class Watch {
  readonly #linked: Linked;
  readonly #outer: AbortSignal | undefined;
  readonly #limitMs: number;
  readonly #timer: ReturnType<typeof setTimeout>;
  #late = false;

  constructor(limitMs: number, outer: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#linked.abort();
    }, limitMs);
    this.#linked = new Linked(outer);
  }

  get signal(): AbortSignal {
    return this.#linked.signal;
  }

  /** Ends the time limit and leaves the caller's signal in force. */
  disarm(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    this.disarm();
    this.#linked.unlink();
  }

  explain(cause: unknown, base: string): unknown {
    if (this.#outer?.aborted) return this.#outer.reason;
    if (cause instanceof KedgeError) return cause;
    if (this.#late) return noAnswer("timed_out", `No answer from ${base} in ${this.#limitMs} ms.`);
    return noAnswer("unreachable", `Cannot reach ${base}: ${reasonOf(cause)}`, cause);
  }
}

/** Why a fetch failed, without the runtimes' own advice; Node says it one error further in. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const words = inner instanceof Error ? inner.message : String(inner);
  return words.replace(/ For more information, pass `verbose.*/s, "");
}

async function problemOf(response: Response): Promise<KedgeError> {
  return errorOf(response.status, await response.text(), response.headers.get("retry-after"));
}

function pathOf(segments: Call["path"]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
}

function queryOf(query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const values = typeof value === "object" ? value : [value];
    return values.map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each)}`);
  });
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
