/** What a tail is asked for, and the events it gives. */
import * as v from "valibot";
import type { Selection } from "../tail/followed.ts";
import { PLACES_MAX } from "../tail/cursor.ts";
import { recordForms } from "../reading/record-out.ts";
import { fromText } from "./fetch.ts";
import { recordOut } from "./record.ts";
import { base64Text, shaped, wellFormedText } from "./shapes.ts";

const PARTITION_DIGITS_MAX = 5;

/** `orders`, or `orders:0,3` for some of its partitions. */
const selectionText = shaped(
  v.pipe(
    v.string("must be a topic, or topic:partition,partition"),
    v.regex(
      new RegExp(
        `^[^:]{1,249}(?::\\d{1,${PARTITION_DIGITS_MAX}}(?:,\\d{1,${PARTITION_DIGITS_MAX}})*)?$`,
      ),
      "must be a topic, or topic:partition,partition",
    ),
    v.transform((text): Selection => {
      const [name = "", list] = text.split(":");
      const partitions = list === undefined ? null : [...new Set(list.split(",").map(Number))];
      return { name, partitions };
    }),
  ),
  { type: "string", examples: ["orders", "orders:0,3"] },
);

export const selections = v.pipe(
  v.array(selectionText),
  v.minLength(1, "must name a topic"),
  v.maxLength(PLACES_MAX, `are more than ${PLACES_MAX}`),
  v.check(
    (topics) => new Set(topics.map(({ name }) => name)).size === topics.length,
    "name a topic twice",
  ),
);

const isolation = v.picklist(["read_committed", "read_uncommitted"]);
const form = v.picklist(recordForms, `must be ${recordForms.join(", ")}`);
const events = v.picklist(["record", "batch"], "must be record or batch");

export const tailQuery = v.strictObject({
  topic: v.optional(
    v.union([
      v.pipe(
        selectionText,
        v.transform((selection) => [selection]),
      ),
      selections,
    ]),
  ),
  from: v.optional(fromText),
  cursor: v.optional(v.string()),
  as: v.optional(form, "auto"),
  events: v.optional(events, "record"),
  isolation: v.optional(isolation, "read_committed"),
  "filter.key": v.optional(wellFormedText()),
  "filter.key_b64": v.optional(base64Text()),
});

const wholeNumber = v.pipe(v.number(), v.integer());

export const tailEvents = v.union([
  recordOut,
  v.object({ topic: v.string(), partition: wholeNumber, records: v.array(recordOut) }),
  v.object({
    topic: v.string(),
    topic_id: v.string(),
    partition: wholeNumber,
    from: wholeNumber,
    to: v.nullable(wholeNumber),
    reason: v.picklist(["trimmed", "lost", "deleted", "recreated"]),
  }),
  v.object({ reason: v.string(), cursor: v.string(), error: v.optional(v.unknown()) }),
]);
