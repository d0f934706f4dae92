/**
 * What the client throws: one class for what the node or the network refused, one for a record that does not fit its
 * schema. A call that was aborted rejects with the signal's own reason, as `fetch` does.
 *
 * `sideEffects` is what decides a retry: `none` means that nothing happened, `unknown` that it may have.
 */
import { issueText, type StandardIssue } from "./standard-schema.ts";

export type SideEffects = "none" | "unknown";

export interface ErrorFacts {
  /** The node's code (Kafka's error name in lower case), or the client's own: unreachable, timed_out, bad_answer. */
  readonly code: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly retryable: boolean;
  readonly sideEffects: SideEffects;
  readonly retryAfterMs: number | null;
  /** The members of the problem document, facts such as `earliest` among them. */
  readonly problem: Readonly<Record<string, unknown>>;
}

/**
 * A call that failed for good: retries are behind it.
 *
 * @example
 * ```ts
 * try {
 *   await kedge.describeTopic("orders");
 * } catch (error) {
 *   if (error instanceof KedgeError && error.code === "unknown_topic_or_partition") console.log("no such topic");
 *   else throw error;
 * }
 * ```
 */
export class KedgeError extends Error implements ErrorFacts {
  override readonly name: string = "KedgeError";
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly sideEffects: SideEffects;
  readonly retryAfterMs: number | null;
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(message: string, facts: ErrorFacts, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = facts.code;
    this.status = facts.status;
    this.retryable = facts.retryable;
    this.sideEffects = facts.sideEffects;
    this.retryAfterMs = facts.retryAfterMs;
    this.problem = facts.problem;
  }
}

/** Where a record that does not fit stands; null on its way in. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A key or value that its schema refuses, or that is not the JSON it should be. Reading on begins at `place.offset + 1`. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  readonly issues: readonly StandardIssue[];
  readonly place: RecordPlace | null;

  constructor(issues: readonly StandardIssue[], topic: string, place: RecordPlace | null) {
    const where = place ? `${topic}, partition ${place.partition}, offset ${place.offset}` : topic;
    super(`${where}: ${issueText(issues)}`);
    this.issues = issues;
    this.place = place;
  }
}

/** An answer of a shape that no kedge gives: most likely the address is not a node's. */
export function badAnswer(what: string, status: number, cause?: unknown): KedgeError {
  const facts = { code: "bad_answer", status, retryable: false, sideEffects: "unknown" } as const;
  return new KedgeError(what, { ...facts, retryAfterMs: null, problem: {} }, cause);
}

/** No answer: the network failed, or the time was over. */
export function noAnswer(
  code: "unreachable" | "timed_out",
  message: string,
  cause?: unknown,
): KedgeError {
  const sideEffects = wasRefused(cause) ? "none" : "unknown";
  const facts = { code, status: 0, retryable: true, sideEffects } as const;
  return new KedgeError(message, { ...facts, retryAfterMs: null, problem: {} }, cause);
}

/** Nobody listened, so that nothing was sent; each runtime says it in its own place (Node and Bun by code, Deno in words). */
function wasRefused(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? cause.code : undefined;
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return true;
  return /\bconnection refused\b/i.test(cause.message) || wasRefused(cause.cause);
}

/** The error that a problem document, or any other answer that is no success, tells of. */
export function errorOf(status: number, text: string, retryAfter: string | null): KedgeError {
  const problem = parseObject(text);
  const code = textOf(problem["code"]) ?? `http_${status}`;
  const detail = textOf(problem["detail"]) ?? textOf(problem["title"]) ?? text.slice(0, 200);
  const busy =
    status === 408 || status === 429 || status === 502 || status === 503 || status === 504;
  const retryable = problem["retryable"];
  const effects = problem["side_effects"];
  const told = problem["retry_after_ms"];
  return new KedgeError(detail === "" ? `HTTP ${status}` : detail, {
    code,
    status,
    // A proxy's 502 has no problem document: the status alone must do.
    retryable: typeof retryable === "boolean" ? retryable : busy,
    sideEffects: effects === "none" || effects === "unknown" ? effects : effectsOf(status),
    retryAfterMs: typeof told === "number" ? told : retryAfterMs(retryAfter),
    problem,
  });
}

/** The error that a problem document within an answer tells of. */
export function refusalOf(
  problem: Readonly<Record<string, unknown>>,
  status: unknown = problem["status"],
): KedgeError {
  return errorOf(typeof status === "number" ? status : 500, JSON.stringify(problem), null);
}

function effectsOf(status: number): SideEffects {
  return status < 500 && status !== 408 ? "none" : "unknown";
}

/** RFC 9110: whole seconds, or a date. */
function retryAfterMs(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
