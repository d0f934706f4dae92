/**
 * The HTTP door: a Hono app made of the declared routes. It translates JSON and bytes to broker verbs and back; no rule
 * of the log lives here.
 *
 * - One function carries each request through guard, validation, route and answer: no chain of middleware, since a 1 KiB
 *   produce costs little more than its way through the door.
 * - Every answer has a `request-id`; every failure is a problem document.
 * - Left out: TLS, listening and upgrades, which runtime/ does.
 */
import { Hono, type Context as HonoContext } from "hono";
import type { Broker, Context } from "../broker/verbs.ts";
import { Bug } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { Connection } from "../lib/platform.ts";
import type { Random } from "../lib/random.ts";
import { Compressor } from "./compress.ts";
import { Guards } from "./guards.ts";
import { httpLimits, type HttpLimits } from "./limits.ts";
import { HttpMetrics, type RouteMeter } from "./metrics.ts";
import type { NodeProbes } from "./probes.ts";
import { HttpRefusal, isBug, problemOf, problemReply } from "./problem.ts";
import type { Reply, ReplyHeaders } from "./reply.ts";
import { requestIds } from "./request-ids.ts";
import { mediaTypeOf, readBody } from "./body.ts";
import type { Door, Route } from "./route.ts";
import { routes as everyRoute } from "./routes/all.ts";
import { TimeLimit } from "./time-limit.ts";
import { Traffic } from "./traffic.ts";
import type { TailLimits } from "./tail/limits.ts";
import { Tails } from "./tail/tails.ts";
import { parseJson, queryOf, validate } from "./validate.ts";

export interface HttpAppOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<HttpLimits>;
  /** The bearer token that every request but health must carry; null or none: nobody is asked. */
  readonly auth?: { readonly token: string } | null;
  /** Origins of web pages that may use this node. */
  readonly corsOrigins?: readonly string[];
  /** Names this node answers to, beside `localhost` and IP addresses; `*` is any. */
  readonly hosts?: readonly string[];
  /** What `/readyz` and `/metrics` ask of the node. */
  readonly node?: NodeProbes;
  readonly tail?: Partial<TailLimits>;
  /** Aborted when the node begins to stop: streams end, so that their readers go elsewhere. */
  readonly stopping?: AbortSignal;
  /** Called with a broken invariant after its request was answered: the node should stop. */
  readonly onBug?: (bug: Bug) => void;
}

interface Machinery {
  readonly door: Door;
  readonly guards: Guards;
  readonly timeLimit: TimeLimit;
  readonly compressor: Compressor;
  readonly nextId: () => string;
  readonly onBug: (bug: Bug) => void;
}

/** Everybody who comes by HTTP, until there are users. */
const context: Context = {
  principal: "User:ANONYMOUS",
  clientId: "http",
  host: "",
  listener: "http",
};

/** The whole HTTP API as one Hono app; `app.request()` is the door for tests. */
export function createHttpApp(options: HttpAppOptions): Hono {
  const limits = { ...httpLimits, ...options.limits };
  const guards = new Guards({
    token: options.auth?.token ?? null,
    corsOrigins: options.corsOrigins ?? [],
    hosts: options.hosts ?? [],
  });
  const door: Door = {
    broker: options.broker,
    clock: options.clock,
    random: options.random,
    logger: options.logger,
    limits,
    metrics: new HttpMetrics(),
    traffic: new Traffic(),
    probes: options.node ?? {},
    routes: everyRoute,
    version: options.broker.describeNode(context).version,
    tails: new Tails(options.stopping ?? new AbortController().signal, options.tail),
    authenticated: guards.authenticated,
  };
  const machinery: Machinery = {
    door,
    guards,
    timeLimit: new TimeLimit(options.clock, limits.requestMs),
    compressor: new Compressor(limits),
    nextId: requestIds(options.clock, options.random),
    onBug: options.onBug ?? (() => {}),
  };
  const app = new Hono();
  for (const route of everyRoute) {
    const meter = door.metrics.meter(route.method, route.path);
    const serve = server(machinery, route, meter);
    app.on(route.method, honoPath(route.path), serve);
  }
  for (const [path, methods] of methodsByPath(everyRoute))
    app.all(honoPath(path), (c) => otherMethod(machinery, c.req.raw, methods));
  app.notFound((c) => noRoute(machinery, c.req.raw));
  app.onError((error, c) =>
    answer(machinery, c.req.raw, problem(machinery, error, machinery.nextId()), "", null),
  );
  return app;
}

/** The handler of one route: everything that happens to a request, in order. */
function server(machinery: Machinery, route: Route, meter: RouteMeter) {
  const { door, guards, timeLimit } = machinery;
  const noQuery = route.query ? safeDefault(route) : undefined;
  return async (c: HonoContext): Promise<Response> => {
    const startMs = door.clock.monotonicMs();
    const request = c.req.raw;
    const id = machinery.nextId();
    let cors: ReplyHeaders | null = null;
    let reply: Reply | Response;
    try {
      cors = guards.admit(request, route.open === true);
      const work = run(c, request, id);
      reply = await (route.streams ? work : timeLimit.bound(work));
    } catch (error) {
      reply = problem(machinery, error, id);
    }
    const response = await answer(machinery, request, reply, id, cors);
    meter.observe(response.status, door.clock.monotonicMs() - startMs);
    return response;
  };

  async function run(c: HonoContext, request: Request, id: string): Promise<Reply | Response> {
    const params = route.params ? validate(route.params, c.req.param(), "path") : undefined;
    const query = route.query
      ? noQuery !== undefined && !request.url.includes("?")
        ? noQuery
        : validate(route.query, queryOf(request.url), "query")
      : undefined;
    const body = route.body
      ? validate(route.body, await jsonBody(request, door.limits), "body")
      : undefined;
    const call = { door, context, request, connection: wireOf(c), id, params, query, body };
    return route.handle(call);
  }
}

/** The runtime hands its connection over as Hono's environment; `app.request` hands over nothing. */
function wireOf(c: HonoContext): Connection | null {
  const env: unknown = c.env;
  return typeof env === "object" && env !== null && "hold" in env ? (env as Connection) : null;
}

/** What a route's query is when none was sent, parsed once; undefined when it must be sent. */
function safeDefault(route: Route): unknown {
  try {
    return route.query ? validate(route.query, {}, "query") : undefined;
  } catch {
    return undefined;
  }
}

async function jsonBody(request: Request, limits: HttpLimits): Promise<unknown> {
  const type = mediaTypeOf(request);
  if (type !== "" && type !== "application/json" && !type.endsWith("+json"))
    throw new HttpRefusal(
      "unsupported_media_type",
      `The body must be application/json, not ${type.slice(0, 100)}.`,
      { accept: "application/json" },
    );
  return parseJson(await readBody(request, limits));
}

/** A problem as a reply; what nobody foresaw is logged, and a broken invariant told to the node. */
function problem(machinery: Machinery, error: unknown, id: string): Reply {
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

/** A reply as a response: the request id, what a page may see, compression. */
async function answer(
  machinery: Machinery,
  request: Request,
  reply: Reply | Response,
  id: string,
  cors: ReplyHeaders | null,
): Promise<Response> {
  if (reply instanceof Response) return reply;
  const encoding = machinery.compressor.choose(request, reply);
  const sent = encoding ? await machinery.compressor.compress(encoding, reply) : reply;
  const headers: Record<string, string> = { "request-id": id };
  if (sent.type !== null) headers["content-type"] = sent.type;
  if (sent.headers) Object.assign(headers, sent.headers);
  if (cors) {
    const vary = headers["vary"];
    Object.assign(headers, cors);
    if (vary) headers["vary"] = `${vary}, ${cors["vary"] ?? ""}`;
  }
  return new Response(sent.body, { status: sent.status, headers });
}

/** OPTIONS of a known path, or a method that it does not take. */
async function otherMethod(
  machinery: Machinery,
  request: Request,
  methods: readonly string[],
): Promise<Response> {
  const id = machinery.nextId();
  const allow = methods.join(", ");
  let cors: ReplyHeaders | null = null;
  let reply: Reply;
  try {
    const isOptions = request.method === "OPTIONS";
    cors = machinery.guards.admit(request, isOptions);
    if (!isOptions) throw new HttpRefusal("method_not_allowed", `Use ${allow}.`, { allow });
    const headers = machinery.guards.preflight(request, allow);
    reply = { status: 204, type: null, body: null, headers };
  } catch (error) {
    reply = problem(machinery, error, id);
  }
  return answer(machinery, request, reply, id, cors);
}

async function noRoute(machinery: Machinery, request: Request): Promise<Response> {
  const id = machinery.nextId();
  let cors: ReplyHeaders | null = null;
  let reply: Reply;
  try {
    cors = machinery.guards.admit(request, false);
    throw new HttpRefusal("unknown_route", "See /openapi.json or /docs for what there is.");
  } catch (error) {
    reply = problem(machinery, error, id);
  }
  return answer(machinery, request, reply, id, cors);
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

/** What each path takes; HEAD is GET without the body, OPTIONS is always answered. */
function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const list = methods.get(path) ?? ["OPTIONS"];
    list.push(...(method === "GET" ? ["GET", "HEAD"] : [method]));
    methods.set(path, list);
  }
  return methods;
}
