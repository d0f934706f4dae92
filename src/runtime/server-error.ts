/**
 * The last answer: what a client gets when the app itself threw. Says nothing of the cause, which is logged.
 */
import type { Logger } from "../lib/logger.ts";

export function serverError(error: unknown, logger: Logger): Response {
  logger.error("a request failed unexpectedly", { error });
  return new Response(
    JSON.stringify({
      type: "about:blank",
      title: "Internal Server Error",
      status: 500,
      side_effects: "unknown",
    }),
    { status: 500, headers: { "content-type": "application/problem+json" } },
  );
}
