/** Query and answer of the route that looks for damage. */
import * as v from "valibot";
import { integerText, OFFSET_MAX } from "./shapes.ts";

const BYTES_MAX = 64 * 1024 * 1024;

export const checkQuery = v.strictObject({
  from: v.optional(integerText(0, OFFSET_MAX)),
  max_bytes: v.optional(integerText(1, BYTES_MAX)),
});

const whole = v.pipe(v.number(), v.integer());

export const checkedLog = v.object({
  topic: v.string(),
  partition: whole,
  from: whole,
  /** Ask again from here, unless it is the end. */
  next: whole,
  end: whole,
  batches: whole,
  bytes: whole,
  damaged: v.array(v.object({ from: whole, next: whole, why: v.string() })),
});
