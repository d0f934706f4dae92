/** The kinds of problem that there are. */
import * as v from "valibot";
import { shaped } from "./shapes.ts";

const wholeNumber = v.pipe(v.number(), v.integer());

export const errorParams = v.strictObject({
  code: shaped(v.pipe(v.string(), v.regex(/^[a-z_]{1,64}$/, "is no code")), {
    type: "string",
    pattern: "^[a-z_]{1,64}$",
  }),
});

export const errorKind = v.object({
  code: v.string(),
  status: wholeNumber,
  kafka_error: v.nullable(wholeNumber),
  retryable: v.boolean(),
  title: v.string(),
  /** What to do. */
  advice: v.string(),
});

export const errorList = v.object({ errors: v.array(errorKind) });
