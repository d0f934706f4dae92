/** What the health routes answer. */
import * as v from "valibot";
import { flagText } from "./shapes.ts";

export const healthQuery = v.strictObject({
  verbose: v.optional(v.union([flagText(), v.literal("")], "must be true or false")),
});

export const health = v.object({
  status: v.picklist(["ok", "unready"]),
  checks: v.optional(
    v.array(v.object({ name: v.string(), ready: v.boolean(), detail: v.optional(v.string()) })),
  ),
});
