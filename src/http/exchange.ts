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
import { mediaTypeOf, readBody } from "./body.ts";
import type { Compressor } from "./compress.ts";
import type { Guards } from "./guards.ts";
import type { RouteMeter } from "./metrics.ts";
import { HttpRefusal, isBug, problemOf, problemReply } from "./problem.ts";
import type { Reply, ReplyHeaders, Runs } from "./reply.ts";
import type { Door, Route } from "./route.ts";
import type { TimeLimit } from "./time-limit.ts";
import { parseJson, queryOf, validate } from "./validate.ts";

const encoder = new TextEncoder();

/** What every exchange of one door shares. */
export interface Machinery {
  readonly door: Door;
  readonly guards: Guards;
  readonly timeLimit: TimeLimit;
  readonly compressor: Compressor;
  readonly nextId: () => string;
  readonly onBug: (bug: Bug) => void;
}

/** Everybody who comes by HTTP, until there are users. */
export const context: Context = {
  principal: "User:ANONYMOUS",
  clientId: "http",
  host: "",
  listener: "http",
};

/** Paths whose parameters are remembered, of each route; the same few come again and again. */
const PATHS_KNOWN_MAX = 1_000;

/** The handler of one route. */
export function exchange(
  machinery: Machinery,
  route: Route,
  meter: RouteMeter,
): (c: HonoContext) => Promise<Response> {
  const { door, guards, timeLimit, nextId } = machinery;
  const { clock } = door;
  const paramsOf = paramsReader(route);
  const noQuery = emptyQuery(route);
  return async (c) => {
    const startMs = clock.monotonicMs();
    const request = c.req.raw;
    const id = nextId();
    let cors: ReplyHeaders | null = null;
    let reply: Reply | Response;
    try {
      cors = guards.admit(request, route.open === true);
      const work = begin(c, request, id);
      reply = work instanceof Promise ? await (route.streams ? work : timeLimit.bound(work)) : work;
    } catch (error) {
      reply = problem(machinery, error, id);
    }
    const answered = answer(machinery, request, reply, id, cors);
    const response = answered instanceof Promise ? await answered : answered;
    meter.observe(response.status, clock.monotonicMs() - startMs);
    return response;
  };

  function begin(
    c: HonoContext,
    request: Request,
    id: string,
  ): Reply | Response | Promise<Reply | Response> {
    const params = paramsOf(c);
    const query = !route.query
      ? undefined
      : noQuery !== undefined && !request.url.includes("?")
        ? noQuery
        : validate(route.query, queryOf(request.url), "query");
    const call = { door, context, request, connection: wireOf(c), id, params, query };
    const { body } = route;
    if (!body) return route.handle({ ...call, body: undefined });
    return jsonBody(request, door).then((value) =>
      route.handle({ ...call, body: validate(body, value, "body") }),
    );
  }
}

/** Reads a route's path parameters, each path once. */
function paramsReader(route: Route): (c: HonoContext) => unknown {
  const { params } = route;
  if (!params) return () => undefined;
  const known = new Map<string, unknown>();
  return (c) => {
    const { path } = c.req;
    const before = known.get(path);
    if (before !== undefined) return before;
    const read = validate(params, c.req.param(), "path");
    if (known.size >= PATHS_KNOWN_MAX) known.clear();
    known.set(path, read);
    return read;
  };
}

/** What a route's query is when none was sent, parsed once; undefined when it must be sent. */
function emptyQuery(route: Route): unknown {
  try {
    return route.query ? validate(route.query, {}, "query") : undefined;
  } catch {
    return undefined;
  }
}

/** The runtime hands its connection over as Hono's environment; `app.request` hands over nothing. */
function wireOf(c: HonoContext): Connection | null {
  const env: unknown = c.env;
  return typeof env === "object" && env !== null && "hold" in env ? (env as Connection) : null;
}

async function jsonBody(request: Request, { limits, clock }: Door): Promise<unknown> {
  const type = mediaTypeOf(request);
  if (type !== "" && type !== "application/json" && !type.endsWith("+json"))
    throw new HttpRefusal(
      "unsupported_media_type",
      `The body must be application/json, not ${type.slice(0, 100)}.`,
      { accept: "application/json" },
    );
  return parseJson(await readBody(request, limits, clock), "body", limits.valuesMax);
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
  return answer(machinery, request, problem(machinery, error, id), id, null);
}

/** A reply as a response: the request id, what a page may see, compression. */
export function answer(
  machinery: Machinery,
  request: Request,
  reply: Reply | Response,
  id: string,
  cors: ReplyHeaders | null,
): Response | Promise<Response> {
  if (reply instanceof Response) return reply;
  const { compressor } = machinery;
  const encoding = compressor.choose(request, reply);
  if (encoding === null) return responseOf(machinery, request, reply, id, cors);
  return compressor
    .compress(encoding, reply)
    .then((sent) => responseOf(machinery, request, sent, id, cors));
}

function responseOf(
  { door }: Machinery,
  request: Request,
  reply: Reply,
  id: string,
  cors: ReplyHeaders | null,
): Response {
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
    return new Response(sent, { status, headers });
  }
  const runs = isRuns(body) ? body.runs : [typeof body === "string" ? encoder.encode(body) : body];
  const pieces = door.untaken.pieces(runs);
  headers["content-length"] = String(pieces.length); // Bun leaves it out of a stream's answer.
  return new Response(pieces.stream, { status, headers });
}

function isRuns(body: Reply["body"]): body is Runs {
  return body !== null && typeof body === "object" && "runs" in body;
}
