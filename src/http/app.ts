/**
 * The HTTP door: a Hono app made of the declared routes. It translates JSON and bytes to broker verbs and back; no rule
 * of the log lives here.
 *
 * - `exchange.ts` carries each request through; here the routes are put together, and what no route takes is answered.
 * - Left out: TLS, listening and upgrades, which runtime/ does.
 */
import { Hono } from "hono";
import type { Broker } from "../broker/verbs.ts";
import type { Bug } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { Random } from "../lib/random.ts";
import { BodyRoom } from "./bodies/body-room.ts";
import { Compressor } from "./answers/compress.ts";
import {
  answer,
  answerProblem,
  context,
  Exchanges,
  type Machinery,
  problem,
  wireOf,
} from "./exchange.ts";
import { Guards } from "./guards.ts";
import { httpLimits, type HttpLimits } from "./limits.ts";
import { HttpMetrics } from "./metrics/metrics.ts";
import { Pace } from "./pace.ts";
import type { NodeProbes } from "./probes.ts";
import { HttpRefusal } from "./answers/problem.ts";
import type { Reply } from "./answers/reply.ts";
import { requestIds } from "./request-ids.ts";
import type { Door, Route } from "./route.ts";
import { routes as everyRoute } from "./routes/all.ts";
import type { TailLimits } from "./tail/limits.ts";
import { Tails } from "./tail/tails.ts";
import { TimeLimit } from "./time-limit.ts";
import { BatchOpener } from "./reading/batch-opener.ts";
import { Untaken } from "./answers/untaken.ts";

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
  /** As the platform's: the memory of large answers that were taken is then used anew. */
  readonly copiesPieces?: boolean;
  /** Aborted when the node begins to stop: streams end, so that their readers go elsewhere. */
  readonly stopping?: AbortSignal;
  /** Called with a broken invariant after its request was answered: the node should stop. */
  readonly onBug?: (bug: Bug) => void;
}

/** The whole HTTP API as one Hono app; `app.request()` is the door for tests. */
export function createHttpApp(options: HttpAppOptions): Hono {
  const limits = { ...httpLimits, ...options.limits };
  const guards = new Guards({
    token: options.auth?.token ?? null,
    corsOrigins: options.corsOrigins ?? [],
    hosts: options.hosts ?? [],
  });
  const opener = new BatchOpener(options.clock, limits.decompressedBytesMax);
  const stopping = options.stopping ?? new AbortController().signal;
  const door: Door = {
    broker: options.broker,
    clock: options.clock,
    random: options.random,
    logger: options.logger,
    limits,
    metrics: new HttpMetrics(),
    probes: options.node ?? {},
    routes: everyRoute,
    version: options.broker.describeNode(context).version,
    opener,
    tails: new Tails(
      {
        clock: options.clock,
        stopping,
        opener,
        bytesMax: limits.answerBytesMax,
        stallPressedMs: limits.stallPressedMs,
      },
      options.tail,
    ),
    untaken: new Untaken(options.clock, limits, options.copiesPieces ?? false),
    bodies: new BodyRoom(options.clock, limits),
    stopping,
    authenticated: guards.authenticated,
  };
  const machinery: Machinery = {
    door,
    guards,
    timeLimit: new TimeLimit(options.clock, limits, stopping),
    compressor: new Compressor(limits),
    pace: new Pace(options.clock),
    nextId: requestIds(options.clock, options.random),
    onBug: options.onBug ?? (() => {}),
  };
  const exchanges = new Exchanges(machinery);
  const app = new Hono();
  for (const route of everyRoute) {
    const meter = door.metrics.meter(route.method, route.path);
    app.on(route.method, honoPath(route.path), exchanges.handler(route, meter));
  }
  // A second app, since a path with two matching handlers would cost every request Hono's composition.
  const rest = new Hono();
  for (const [path, taken] of methodsByPath(everyRoute))
    rest.all(honoPath(path), (c) => otherMethod(machinery, c.req.raw, taken));
  rest.notFound((c) => noRoute(machinery, c.req.raw));
  app.notFound((c) => rest.fetch(c.req.raw));
  app.onError((error, c) => answerProblem(machinery, c.req.raw, error));
  const routed = app.fetch;
  app.fetch = (request, env, context) => {
    const known = exchanges.answerKnown(request, wireOf(env));
    if (known) return known;
    const answer = routed(request, env, context);
    return request.method === "HEAD" ? headOf(answer) : answer;
  };
  return app;
}

/**
 * The answer to HEAD. Where GET gives a stream there is no length, and of a body that is not there the runtimes say that it
 * is 0; not so of a stream, even of one that gives nothing.
 */
async function headOf(answered: Response | Promise<Response>): Promise<Response> {
  const answer = await answered;
  if (answer.status !== 200 || answer.headers.has("content-length")) return answer;
  const body = new ReadableStream<Uint8Array>({
    start(stream) {
      stream.enqueue(new Uint8Array(0));
      stream.close();
    },
  });
  return new Response(body, answer);
}

/** OPTIONS of a known path, or a method that it does not take. */
function otherMethod(
  machinery: Machinery,
  request: Request,
  { methods, elsewhere }: Taken,
): Response | Promise<Response> {
  const id = machinery.nextId();
  const allow = methods.join(", ");
  let reply: Reply;
  try {
    const isOptions = request.method === "OPTIONS";
    machinery.guards.admit(request, isOptions);
    if (!isOptions)
      throw new HttpRefusal("method_not_allowed", [`Use ${allow}.`, ...elsewhere].join(" "), {
        allow,
      });
    const headers = machinery.guards.preflight(request, allow);
    reply = { status: 204, type: null, body: null, headers };
  } catch (error) {
    reply = problem(machinery, error, id);
  }
  return answer(machinery, request, reply, id);
}

function noRoute(machinery: Machinery, request: Request): Response | Promise<Response> {
  const id = machinery.nextId();
  let reply: Reply;
  try {
    machinery.guards.admit(request, false);
    throw new HttpRefusal("unknown_route", "See /openapi.json or /docs for what there is.");
  } catch (error) {
    reply = problem(machinery, error, id);
  }
  return answer(machinery, request, reply, id);
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

/** The methods of a path, and sentences about where others are taken. */
interface Taken {
  readonly methods: string[];
  readonly elsewhere: string[];
}

/** What each path takes; HEAD is GET without the body, OPTIONS is always answered. */
function methodsByPath(routes: readonly Route[]): Map<string, Taken> {
  const all = new Map<string, Taken>();
  for (const { path, method, otherMethods } of routes) {
    const taken = all.get(path) ?? { methods: ["OPTIONS"], elsewhere: [] };
    taken.methods.push(...(method === "GET" ? ["GET", "HEAD"] : [method]));
    if (otherMethods !== undefined) taken.elsewhere.push(otherMethods);
    all.set(path, taken);
  }
  return all;
}
