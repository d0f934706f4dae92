/**
 * Problem documents (RFC 9457): the one shape of every answer that is not a success, and what turns a thrown error into
 * one.
 *
 * - `code` is a refusal of `broker/errors.ts`, or one of the few below that only HTTP has.
 * - `side_effects` tells a retrying client whether the request may have been carried out.
 * - Facts of a refusal (`earliest`, `latest`, …) become members beside the standard ones.
 */
import { HTTPException } from "hono/http-exception";
import { refusalKinds } from "../../broker/errors.ts";
import { Bug } from "../../lib/assert.ts";
import { httpLimits as serverLimits, type RefusedFor } from "../../lib/platform.ts";
import { Refusal, type RefusalFacts, type RefusalName } from "../../lib/refusal.ts";
import { StorageFault } from "../../storage/storage.ts";
import type { Reply, ReplyHeaders } from "./reply.ts";

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  /** Kafka's nearest error code; null where Kafka has none. */
  readonly kafka_error: number | null;
  readonly retryable: boolean;
  readonly side_effects: "none" | "unknown";
  readonly retry_after_ms: number | null;
  readonly [fact: string]: string | number | boolean | null;
}

export interface HttpProblemKind {
  readonly status: number;
  readonly kafka: number | null;
  readonly retryable: boolean;
  readonly title: string;
}

/** Problems that only an HTTP door has. */
export const httpProblemKinds = {
  unauthenticated: {
    status: 401,
    kafka: 58,
    retryable: false,
    title: "This node wants a bearer token.",
  },
  origin_refused: {
    status: 403,
    kafka: 31,
    retryable: false,
    title: "Web pages of that origin may not use this node.",
  },
  unknown_route: { status: 404, kafka: null, retryable: false, title: "There is no such path." },
  method_not_allowed: {
    status: 405,
    kafka: null,
    retryable: false,
    title: "The path does not take that method.",
  },
  body_timed_out: {
    status: 408,
    kafka: 7,
    retryable: true,
    title: "The request body did not come in time.",
  },
  body_too_large: {
    status: 413,
    kafka: 10,
    retryable: false,
    title: "The request body is larger than this node takes.",
  },
  uri_too_long: { status: 414, kafka: null, retryable: false, title: "The URL is too long." },
  unsupported_media_type: {
    status: 415,
    kafka: null,
    retryable: false,
    title: "The body's media type or encoding is not taken here.",
  },
  unknown_host: {
    status: 421,
    kafka: null,
    retryable: false,
    title: "This node does not answer to that host name.",
  },
  upgrade_required: {
    status: 426,
    kafka: null,
    retryable: false,
    title: "The path speaks WebSocket.",
  },
  request_header_fields_too_large: {
    status: 431,
    kafka: null,
    retryable: false,
    title: "The request's headers are larger than this node takes.",
  },
  too_many_bodies: {
    status: 503,
    kafka: 89,
    retryable: true,
    title: "Too many large request bodies are under way.",
  },
  node_stopping: { status: 503, kafka: 8, retryable: true, title: "The node is stopping." },
  bad_request: { status: 400, kafka: 42, retryable: false, title: "The request is malformed." },
  unknown_server_error: {
    status: 500,
    kafka: -1,
    retryable: false,
    title: "The node has a bug; it was logged.",
  },
} as const satisfies Record<string, HttpProblemKind>;

export type HttpProblemName = keyof typeof httpProblemKinds;

/** A refusal in words that only HTTP has; thrown by doors alone. */
export class HttpRefusal extends Error {
  override readonly name = "HttpRefusal";
  readonly code: HttpProblemName;
  readonly headers: ReplyHeaders;

  constructor(code: HttpProblemName, detail: string, headers: ReplyHeaders = {}) {
    super(detail);
    this.code = code;
    this.headers = headers;
  }
}

/** How long a client should wait that is not told better. */
const RETRY_AFTER_MS = 1_000;
const RETRY_AFTER_FULL_MS = 10_000;

/** The problem that tells of any thrown error; a bug's message stays in the log. */
export function problemOf(error: unknown, requestId: string): Problem {
  if (error instanceof Refusal) {
    const kind = refusalKinds[error.code];
    const sideEffects = error.code === "request_timed_out" ? "unknown" : "none";
    const detail = isNoTopic(error) ? `${error.message} ${HOW_TO_MAKE_TOPICS}` : error.message;
    return problem(error.code, kind, detail, requestId, sideEffects, error.facts);
  }
  if (error instanceof StorageFault) {
    const code = faultCodes[error.kind];
    return problem(code, refusalKinds[code], error.message, requestId, error.outcome, {});
  }
  if (error instanceof HttpRefusal)
    return problem(error.code, httpProblemKinds[error.code], error.message, requestId, "none", {});
  if (error instanceof HTTPException) return problemOf(translate(error), requestId);
  const kind = httpProblemKinds.unknown_server_error;
  const detail = `Look for ${requestId} in the node's log.`;
  return problem("unknown_server_error", kind, detail, requestId, "unknown", {});
}

const faultCodes = {
  full: "storage_full",
  damaged: "log_damaged",
  io: "kafka_storage_error",
  closed: "kafka_storage_error",
} as const satisfies Record<StorageFault["kind"], RefusalName>;

const HOW_TO_MAKE_TOPICS =
  "Topics are made with POST /v1/topics, or by POST /v1/topics/TOPIC/records with `create=true`.";

/** The topic itself is not there, not one of its partitions. */
function isNoTopic({ code, facts }: Refusal): boolean {
  return code === "unknown_topic_or_partition" && Object.keys(facts).join() === "topic";
}

/** True for what nobody foresaw: it is logged, and an `assert` stops the node. */
export function isBug(error: unknown): boolean {
  if (error instanceof Bug) return true;
  return !(
    error instanceof Refusal ||
    error instanceof StorageFault ||
    error instanceof HttpRefusal ||
    error instanceof HTTPException
  );
}

/** A problem as an answer, with `Retry-After` where a client may come back. */
export function problemReply(error: unknown, requestId: string): Reply & { readonly body: string } {
  const document = problemOf(error, requestId);
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (document.retry_after_ms !== null)
    headers["retry-after"] = String(Math.ceil(document.retry_after_ms / 1_000));
  if (error instanceof HttpRefusal) Object.assign(headers, error.headers);
  const { code, expected, sequence } = document;
  if (code === "out_of_order_sequence_number" && typeof expected === "number") {
    headers["producer-expected-seq"] = String(expected);
    headers["producer-received-seq"] = String(sequence);
  }
  return {
    status: document.status,
    type: "application/problem+json",
    body: JSON.stringify(document),
    headers,
  };
}

/** What a client gets whose request goes no further than the runtime's server: nothing of its body was read. */
export function refusedAhead(
  why: RefusedFor,
  requestId: string,
  cors: ReplyHeaders | null,
): Response {
  const { status, body, type, headers } = problemReply(refusalsAhead[why](), requestId);
  return new Response(body, {
    status,
    headers: { ...headers, ...cors, "content-type": type ?? "", "request-id": requestId },
  });
}

const refusalsAhead: Readonly<Record<RefusedFor, () => Refusal | HttpRefusal>> = {
  connections: () =>
    new Refusal(
      "throttling_quota_exceeded",
      "Too many connections are open just now; close some, or come back later.",
    ),
  url: () =>
    new HttpRefusal(
      "uri_too_long",
      `At most ${serverLimits.headBytesMax} bytes; ask for less at once.`,
    ),
  head: () =>
    new HttpRefusal(
      "request_header_fields_too_large",
      `URL and headers may have ${serverLimits.headBytesMax} bytes; send less, such as records with their headers as a JSON body.`,
    ),
};

function instanceOf(requestId: string): string {
  return `/v1/requests/${requestId}`;
}

function problem(
  code: string,
  kind: HttpProblemKind,
  detail: string,
  requestId: string,
  sideEffects: "none" | "unknown",
  facts: RefusalFacts,
): Problem {
  return {
    ...facts,
    type: `/errors/${code}`,
    title: kind.title,
    status: kind.status,
    detail,
    instance: instanceOf(requestId),
    code,
    kafka_error: kind.kafka,
    retryable: kind.retryable,
    side_effects: sideEffects,
    retry_after_ms: retryAfterMs(kind.status, facts),
  };
}

function retryAfterMs(status: number, facts: RefusalFacts): number | null {
  if (status !== 429 && status !== 503 && status !== 507) return null;
  const told = facts["retry_after_ms"];
  if (typeof told === "number") return told;
  return status === 507 ? RETRY_AFTER_FULL_MS : RETRY_AFTER_MS;
}

/** Hono's own exceptions (its body limit, a malformed body) in our words. */
function translate(error: HTTPException): HttpRefusal {
  const words = error.message || "The request could not be read.";
  const codes: Readonly<Record<number, HttpProblemName>> = {
    401: "unauthenticated",
    404: "unknown_route",
    413: "body_too_large",
    415: "unsupported_media_type",
  };
  return new HttpRefusal(codes[error.status] ?? "bad_request", words);
}
