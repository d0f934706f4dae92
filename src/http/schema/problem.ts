/** The problem document (RFC 9457) as the OpenAPI document tells it; `problem.ts` writes it. */
import * as v from "valibot";

export const problemSchema = v.looseObject({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  instance: v.string(),
  code: v.string(),
  kafka_error: v.nullable(v.pipe(v.number(), v.integer())),
  retryable: v.boolean(),
  side_effects: v.picklist(["none", "unknown"]),
  retry_after_ms: v.nullable(v.pipe(v.number(), v.integer())),
});
