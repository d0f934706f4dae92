/**
 * One request on its way through the door: guard, validation, route, answer.
 *
 * - One function, not a chain of middleware, and as few promises as can be: a 1 KiB produce costs little more than this.
 * - Every answer has a `request-id`; every failure is a problem document.
 */
import type { Context as HonoContext } from "hono";
import type { Context } from "../broker/verbs.ts";
import { Bug } from "../lib/assert.ts";
import type { Connection } from "../lib/platform.ts";
import { mediaTypeOf, readBody, type Reading } from "./bodies/body.ts";
import type { Compressor } from "./answers/compress.ts";
import type { Guards } from "./guards.ts";
import type { RouteMeter } from "./metrics/metrics.ts";
import type { Pace } from "./pace.ts";
import { HttpRefusal, isBug, problemOf, problemReply } from "./answers/problem.ts";
import { isRuns, type Reply, type Runs } from "./answers/reply.ts";
import type { Door, Route } from "./route.ts";
import type { Arrival, TimeLimit } from "./time-limit.ts";
import { parseJson, queryOf, validate } from "./bodies/validate.ts";

const encoder = new TextEncoder();

/** What every exchange of one door shares. */
export interface Machinery {
  readonly door: Door;
  readonly guards: Guards;
  readonly timeLimit: TimeLimit;
  readonly compressor: Compressor;
  readonly pace: Pace;
  readonly nextId: () => string;
  readonly onBug: (bug: Bug) => void;
}

/** URLs that are remembered with their routes and parameters, and the longest of them. */
const URLS_KNOWN_MAX = 1_000;
const URL_KNOWN_MAX = 1_000;

/** Everybody who comes by HTTP, until there are users. */
export const context: Context = {
  principal: "User:ANONYMOUS",
  clientId: "http",
  host: "",
  listener: "http",
};

/** What a request's URL says to its route, validated. */
interface Asked {
  readonly params: unknown;
  readonly query: unknown;
}

/** Requests as they come, each to its route; those whose URL is known go there without being routed again. */
export class Exchanges {
  readonly #machinery: Machinery;
  /** By method and URL, of requests without a query: the same few come again and again. */
  readonly #known = new Map<string, Map<string, { exchange: Exchange; asked: Asked }>>();
  #size = 0;

  constructor(machinery: Machinery) {
    this.#machinery = machinery;
  }

  /** The answer to a request whose URL came before; null: it has to be routed. */
  answerKnown(request: Request, connection: Connection | null): Promise<Response> | null {
    const known = this.#known.get(request.method)?.get(request.url);
    return known ? known.exchange.answer(request, connection, known.asked) : null;
  }

  /** The handler of one route. */
  handler(route: Route, meter: RouteMeter): (c: HonoContext) => Promise<Response> {
    const exchange = new Exchange(this.#machinery, route, meter);
    const noQuery = emptyQuery(route);
    return (c) => {
      const request = c.req.raw;
      const { url } = request;
      const plain = !url.includes("?");
      return exchange.answer(request, connectionOf(c), () => {
        const params = route.params && validate(route.params, c.req.param(), "path");
        const query =
          plain && noQuery !== undefined
            ? noQuery
            : route.query && validate(route.query, queryOf(url), "query");
        const asked = { params, query };
        // HEAD comes here as GET does, but its answer has no body.
        if (plain && request.method === route.method)
          this.#remember(route.method, url, { exchange, asked });
        return asked;
      });
    };
  }

  #remember(method: string, url: string, known: { exchange: Exchange; asked: Asked }): void {
    if (url.length > URL_KNOWN_MAX) return;
    if (this.#size >= URLS_KNOWN_MAX) {
      this.#known.clear();
      this.#size = 0;
    }
    const urls = this.#known.get(method);
    if (urls) urls.set(url, known);
    else this.#known.set(method, new Map([[url, known]]));
    this.#size += 1;
  }
}

/** What one route's requests go through. */
class Exchange {
  readonly #machinery: Machinery;
  readonly #route: Route;
  readonly #meter: RouteMeter;

  constructor(machinery: Machinery, route: Route, meter: RouteMeter) {
    this.#machinery = machinery;
    this.#route = route;
    this.#meter = meter;
  }

  /** Never rejects. `asked` may throw what is wrong with the URL. */
  async answer(
    request: Request,
    connection: Connection | null,
    asked: Asked | (() => Asked),
  ): Promise<Response> {
    const machinery = this.#machinery;
    const route = this.#route;
    const { clock } = machinery.door;
    const startMs = clock.monotonicMs();
    const id = machinery.nextId();
    const later = machinery.pace.enter();
    if (later) await later;
    let reply: Reply | Response;
    try {
      machinery.guards.admit(request, route.open === true);
      const arrival: Arrival = { awaits: "nothing" };
      const work = this.#begin(
        request,
        connection,
        arrival,
        id,
        typeof asked === "function" ? asked() : asked,
      );
      if (!(work instanceof Promise)) reply = work;
      else if (route.streams) reply = await work;
      else reply = await machinery.timeLimit.bound(work, arrival, connection);
    } catch (error) {
      reply = problem(machinery, error, id);
    }
    const answered = answer(machinery, request, reply, id);
    const response = answered instanceof Promise ? await answered : answered;
    this.#meter.observe(response.status, clock.monotonicMs() - startMs);
    return response;
  }

  #begin(
    request: Request,
    connection: Connection | null,
    arrival: Arrival,
    id: string,
    { params, query }: Asked,
  ): Reply | Response | Promise<Reply | Response> {
    const { door, timeLimit } = this.#machinery;
    const route = this.#route;
    const { body } = route;
    const call = {
      door,
      context,
      request,
      connection,
      arrival,
      id,
      params,
      query,
      body: undefined,
    };
    if (!body) return route.handle(call);
    const json = jsonBody(call);
    // A stream has no end of its own, but its body has.
    return (route.streams ? timeLimit.bound(json, arrival, connection) : json).then((value) =>
      route.handle({ ...call, body: validate(body, value, "body") }),
    );
  }
}

/** What a route's query is when none was sent, parsed once; undefined when it must be sent. */
function emptyQuery(route: Route): unknown {
  try {
    return route.query ? validate(route.query, {}, "query") : undefined;
  } catch {
    return undefined;
  }
}

function connectionOf(c: HonoContext): Connection | null {
  return wireOf(c.env);
}

/** The runtime hands its connection over as Hono's environment; `app.request` hands over nothing. */
export function wireOf(env: unknown): Connection | null {
  return typeof env === "object" && env !== null && "hold" in env ? (env as Connection) : null;
}

async function jsonBody(reading: Reading): Promise<unknown> {
  const { request, door } = reading;
  const type = mediaTypeOf(request);
  if (type !== "" && type !== "application/json" && !type.endsWith("+json"))
    throw new HttpRefusal(
      "unsupported_media_type",
      `The body must be application/json, not ${type.slice(0, 100)}.`,
      { accept: "application/json" },
    );
  return parseJson(await readBody(reading), "body", door.limits.valuesMax);
}

/** A problem as a reply; what nobody foresaw is logged, and a broken invariant told to the node. */
export function problem(machinery: Machinery, error: unknown, id: string): Reply {
  const { logger } = machinery.door;
  if (isBug(error)) {
    logger.error("a request met a bug", { requestId: id, error });
    if (error instanceof Bug) machinery.onBug(error);
  } else {
    const { status, code, detail } = problemOf(error, id);
    if (status >= 500) logger.warn("a request failed", { requestId: id, code, detail });
  }
  return problemReply(error, id);
}

/** A problem as the whole answer. */
export function answerProblem(
  machinery: Machinery,
  request: Request,
  error: unknown,
): Response | Promise<Response> {
  const id = machinery.nextId();
  return answer(machinery, request, problem(machinery, error, id), id);
}

/** A reply as a response: the request id, what a page may see, compression. */
export function answer(
  machinery: Machinery,
  request: Request,
  reply: Reply | Response,
  id: string,
): Response | Promise<Response> {
  if (reply instanceof Response) return reply;
  const { compressor } = machinery;
  const encoding = compressor.choose(request, reply);
  if (encoding === null) return responseOf(machinery, request, reply, id);
  return compressor
    .compress(encoding, reply)
    .then((sent) => responseOf(machinery, request, sent, id));
}

function bytesOf(body: string | Uint8Array | Runs): number {
  return typeof body === "string" ? encoder.encode(body).length : body.length;
}

function responseOf(
  { door, guards }: Machinery,
  request: Request,
  reply: Reply,
  id: string,
): Response {
  const cors = guards.cors(request);
  const headers: Record<string, string> = { "request-id": id };
  if (reply.type !== null) headers["content-type"] = reply.type;
  if (reply.headers) Object.assign(headers, reply.headers);
  if (cors) {
    const vary = headers["vary"];
    Object.assign(headers, cors);
    if (vary) headers["vary"] = `${vary}, ${cors["vary"] ?? ""}`;
  }
  const { body, status } = reply;
  const isLarge =
    body !== null &&
    !(body instanceof ReadableStream) &&
    body.length >= door.limits.answerPiecesMin &&
    request.method !== "HEAD"; // Its body would neither be taken nor left.
  if (!isLarge) {
    const sent = isRuns(body) ? new Blob([...body.runs]) : body;
    // The body is left out on the way, and Bun would say that there is none.
    if (request.method === "HEAD" && body !== null && !(body instanceof ReadableStream))
      headers["content-length"] = String(bytesOf(body));
    return new Response(sent, { status, headers });
  }
  const isOwn = isRuns(body) ? body.isOwn === true : typeof body === "string";
  const runs = isRuns(body) ? body.runs : [typeof body === "string" ? encoder.encode(body) : body];
  const pieces = door.untaken.pieces(runs, { done: reply.done, isOwn });
  headers["content-length"] = String(pieces.length); // Bun leaves it out of a stream's answer.
  return new Response(pieces.stream, { status, headers });
}
