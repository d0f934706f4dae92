/**
 * A route, declared once: its path, the schemas of what comes in and what goes out, and what it does. The declaration
 * validates requests, types the handler and is what `openapi.ts` reads.
 *
 * - Unknown query parameters and unknown members of a JSON body are refused: a misspelt `max_records` must not pass.
 * - A route that takes more than JSON reads `call.request` itself and says so in `consumes`.
 */
import type { GenericSchema } from "valibot";
import type { Broker, Context } from "../broker/verbs.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { Connection } from "../lib/platform.ts";
import type { Random } from "../lib/random.ts";
import type { BatchOpener } from "./reading/batch-opener.ts";
import type { BodyRoom } from "./bodies/body-room.ts";
import type { HttpLimits } from "./limits.ts";
import type { HttpMetrics } from "./metrics/metrics.ts";
import type { NodeProbes } from "./probes.ts";
import type { Reply } from "./answers/reply.ts";
import type { Arrival } from "./time-limit.ts";
import type { Tails } from "./tail/tails.ts";
import type { Untaken } from "./answers/untaken.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What every route may use; made once per door. */
export interface Door {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: HttpLimits;
  readonly metrics: HttpMetrics;
  readonly probes: NodeProbes;
  /** Every route of this door, for the document. */
  readonly routes: readonly Route[];
  /** This program's own. */
  readonly version: string;
  readonly tails: Tails;
  readonly untaken: Untaken;
  readonly bodies: BodyRoom;
  /** Aborted when the node begins to stop. */
  readonly stopping: AbortSignal;
  readonly opener: BatchOpener;
  /** Answers may depend on who asks, so shared caches must keep off. */
  readonly authenticated: boolean;
}

/** One request on its way through a route. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly door: Door;
  readonly context: Context;
  readonly request: Request;
  /** The wire that the request came on; null where there is none (`app.request`). */
  readonly connection: Connection | null;
  readonly arrival?: Arrival;
  /** Names this request in logs and in problem documents. */
  readonly id: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/** One body, by media type, for the document; `binary` is any bytes. */
export type MediaSchemas = Readonly<Record<string, GenericSchema | "binary">>;

export interface RouteResponse {
  readonly description: string;
  readonly content?: MediaSchemas;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RouteSpec<Params, Query, Body> {
  readonly method: Method;
  /** In OpenAPI's notation: `/v1/topics/{topic}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: GenericSchema<unknown, Params>;
  readonly query?: GenericSchema<unknown, Query>;
  /** A JSON body, read and validated before `handle`. */
  readonly body?: GenericSchema<unknown, Body>;
  /** The bodies of a route that reads `call.request` itself. */
  readonly consumes?: MediaSchemas;
  /** Request headers that mean something here: name to what it does. */
  readonly headers?: Readonly<Record<string, string>>;
  /** By status; problem documents of 4xx and 5xx are added to all. */
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** Where to go with another method, in a sentence: for a path that many try. */
  readonly otherMethods?: string;
  /** Answered without a token: health and nothing else. */
  readonly open?: boolean;
  /** No time limit: the answer is a stream, or waits by its own rule. */
  readonly streams?: boolean;
  readonly handle: (
    call: Call<Params, Query, Body>,
  ) => Reply | Response | Promise<Reply | Response>;
}

/** A declared route with its types forgotten. */
export type Route = RouteSpec<unknown, unknown, unknown>;

/** Declares a route; the schemas type the handler. */
export function defineRoute<Params = undefined, Query = undefined, Body = undefined>(
  spec: RouteSpec<Params, Query, Body>,
): Route {
  // The door hands `handle` only what the schemas of the same declaration gave.
  return spec as unknown as Route;
}
