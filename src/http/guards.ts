/**
 * Who may come in at all, before any route: the Host they ask for, the Origin of the page they run in, their token.
 *
 * - Host: an IP address and `localhost` cannot be rebound by a hostile DNS server, so they are always this node's names;
 *   any other name must be listed. 421 otherwise.
 * - Origin: browsers send a plain POST from any page without asking first, so a foreign Origin is refused unless listed,
 *   whatever CORS would say about reading the answer.
 * - Token: compared by digest in constant time.
 * - A page of a listed origin may read every answer, refusals too: without that it sees "Failed to fetch" alone.
 */
import { nodeCrypto } from "../lib/builtins.ts";
import { HttpRefusal } from "./answers/problem.ts";
import type { ReplyHeaders } from "./answers/reply.ts";

export interface GuardOptions {
  /** The bearer token that opens the door; null: none is wanted. */
  readonly token: string | null;
  /** Origins of web pages that may use this node; `*` is any. */
  readonly corsOrigins: readonly string[];
  /** Host names of this node beside `localhost` and IP addresses; `*` is any. */
  readonly hosts: readonly string[];
}

/** What the answer's reader may see, and what a page may send. */
const EXPOSED =
  "ETag, Location, Retry-After, Request-Id, Kafka-Next, Kafka-Up-To-Date, Kafka-Log-Start, Kafka-High-Watermark, " +
  "Kafka-Last-Stable, Kafka-Epoch, Kafka-Turn, Kafka-Sealed, Kafka-Unknown-Topics, Stream-Next-Offset, Stream-Cursor, Stream-Up-To-Date, " +
  "Stream-Closed, Producer-Epoch, Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq";
const ALLOWED =
  "Authorization, Content-Type, Content-Encoding, Accept, If-None-Match, Last-Event-ID, Idempotency-Key, Producer-Id, " +
  "Producer-Epoch, Producer-Seq, Txn, Client-Id";
const PREFLIGHT_SECONDS = 600;

export class Guards {
  readonly #digest: Uint8Array | null;
  readonly #origins: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  /** The Host that was let in last: nearly every request has the same. */
  #host: string | null = null;

  constructor(options: GuardOptions) {
    this.#digest = options.token === null ? null : digest(options.token);
    this.#origins = originsOf(options.corsOrigins);
    this.#hosts = new Set(options.hosts.map((host) => host.toLowerCase()));
  }

  get authenticated(): boolean {
    return this.#digest !== null;
  }

  /** The headers that any answer must carry so that its page may read it; null where no listed page asks. */
  cors(request: Request): ReplyHeaders | null {
    return corsHeaders(request, this.#origins);
  }

  /** Lets the request pass or throws. */
  admit(request: Request, open: boolean): void {
    const host = hostOf(request.url);
    if (host !== this.#host) {
      this.#checkHost(host);
      this.#host = host;
    }
    const origin = request.headers.get("origin");
    if (origin !== null) this.#checkOrigin(origin, host);
    if (!open && this.#digest !== null) this.#checkToken(request);
  }

  /** The answer to a preflight: which headers, beside those of `cors`. */
  preflight(request: Request, allow: string): ReplyHeaders {
    if (!request.headers.has("access-control-request-method")) return { allow };
    const asked = request.headers.get("access-control-request-headers") ?? "";
    const kafkaHeaders = asked
      .split(",")
      .map((name) => name.trim())
      .filter((name) => /^kafka-header-[\w!#$%&'*+.^`|~-]{1,200}$/i.test(name));
    return {
      allow,
      "access-control-allow-methods": allow,
      "access-control-allow-headers": [ALLOWED, ...kafkaHeaders].join(", "),
      "access-control-max-age": String(PREFLIGHT_SECONDS),
    };
  }

  #checkHost(host: string): void {
    if (this.#hosts.has("*")) return;
    const name = withoutPort(host).toLowerCase();
    if (name === "localhost" || name.endsWith(".localhost") || isAddress(name)) return;
    if (this.#hosts.has(name)) return;
    if (host === "")
      throw new HttpRefusal("unknown_host", "Send a Host header with a name of this node.");
    throw new HttpRefusal(
      "unknown_host",
      `This node does not answer to "${name.slice(0, 100)}"; use its address, or start it with --host-name.`,
    );
  }

  #checkOrigin(origin: string, host: string): void {
    const name = origin.toLowerCase();
    if (this.#origins.has(name) || this.#origins.has("*")) return;
    if (name === `http://${host}` || name === `https://${host}`) return;
    throw new HttpRefusal(
      "origin_refused",
      `Pages of ${origin.slice(0, 100)} may not use this node; start it with --cors-origin ${origin.slice(0, 100)}.`,
    );
  }

  #checkToken(request: Request): void {
    const header = request.headers.get("authorization") ?? bearerOfProtocol(request);
    if (header === null)
      throw new HttpRefusal("unauthenticated", "Send `Authorization: Bearer <token>`.", {
        "www-authenticate": 'Bearer realm="kedge"',
      });
    const token = /^bearer +(\S+) *$/i.exec(header)?.[1];
    if (
      token !== undefined &&
      this.#digest &&
      nodeCrypto().timingSafeEqual(digest(token), this.#digest)
    )
      return;
    throw new HttpRefusal("unauthenticated", "The token is not the one this node knows.", {
      "www-authenticate": 'Bearer realm="kedge", error="invalid_token"',
    });
  }
}

/** Origins as `corsHeaders` compares them. */
export function originsOf(listed: readonly string[]): ReadonlySet<string> {
  return new Set(listed.map((origin) => origin.toLowerCase()));
}

/** What an answer carries for the page that asked, if its origin is among the listed; else null. */
export function corsHeaders(request: Request, listed: ReadonlySet<string>): ReplyHeaders | null {
  const origin = request.headers.get("origin");
  if (origin === null) return null;
  if (!listed.has(origin.toLowerCase()) && !listed.has("*")) return null;
  return {
    "access-control-allow-origin": origin,
    "access-control-expose-headers": EXPOSED,
    vary: "Origin",
  };
}

/** A page cannot set headers on a WebSocket: its token comes as a subprotocol, `bearer.<token>`. */
function bearerOfProtocol(request: Request): string | null {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return null;
  const protocols = request.headers.get("sec-websocket-protocol")?.split(",") ?? [];
  const bearer = protocols.map((name) => name.trim()).find((name) => name.startsWith("bearer."));
  return bearer === undefined ? null : `Bearer ${bearer.slice("bearer.".length)}`;
}

function digest(token: string): Uint8Array {
  return nodeCrypto().createHash("sha256").update(token).digest();
}

/**
 * `host:port` of an absolute URL, which every runtime builds from the Host header. Where that is missing or no host, Bun
 * gives the path alone: no host then, wherever `//` may stand in it.
 */
function hostOf(url: string): string {
  if (url.startsWith("/")) return "";
  // CONNECT names a host alone.
  const slashes = url.indexOf("//");
  const start = slashes < 0 ? 0 : slashes + 2;
  const end = url.indexOf("/", start);
  return end < 0 ? url.slice(start) : url.slice(start, end);
}

function withoutPort(host: string): string {
  if (host.startsWith("[")) return host.slice(0, host.indexOf("]") + 1);
  const colon = host.lastIndexOf(":");
  return colon < 0 ? host : host.slice(0, colon);
}

function isAddress(name: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name) || /^\[[0-9a-f:.%]+\]$/.test(name);
}
