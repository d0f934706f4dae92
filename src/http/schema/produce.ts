/** Bodies, queries and answers of the produce routes. */
import * as v from "valibot";
import { recordIn, recordInWithTopic } from "./record.ts";
import {
  base64Text,
  flagText,
  integer,
  integerText,
  OFFSET_MAX,
  wellFormedText,
  withExample,
} from "./shapes.ts";

const acks = v.picklist(["all", "1", "0", "-1"], "must be all, 1 or 0");
const acksJson = v.picklist(["all", "1", "0", "-1", 1, 0, -1], 'must be "all", 1 or 0');

/** `key`, `key_b64`, `timestamp` and `raw` are for a body that is one record. */
export const produceQuery = v.strictObject({
  acks: v.optional(acks),
  create: v.optional(flagText()),
  key: v.optional(wellFormedText()),
  key_b64: v.optional(base64Text()),
  timestamp: v.optional(integerText(0, OFFSET_MAX)),
  raw: v.optional(flagText()),
  expect: v.optional(integerText(0, OFFSET_MAX)),
});

export const produceManyQuery = v.strictObject({
  acks: v.optional(acks),
  create: v.optional(flagText()),
});

const expectation = v.strictObject({ offset: integer(0, OFFSET_MAX) });

/** What stands around the records; they are read by `record-in.ts`. */
export const envelope = v.strictObject({
  records: v.pipe(
    v.array(v.unknown(), "must be a list of records"),
    v.minLength(1, "must hold at least one record"),
  ),
  acks: v.optional(acksJson),
  expect: v.optional(expectation),
});

/** The same as `envelope`, with the records spelled out, for the document. */
export const produceBody = withExample(
  v.strictObject({
    records: v.pipe(v.array(recordIn), v.minLength(1)),
    acks: v.optional(acksJson),
    expect: v.optional(expectation),
  }),
  {
    records: [
      { key: "u1", value: { json: { n: 1 } }, headers: [["trace", "a1"]] },
      { value: "text" },
    ],
  },
);

export const produceManyBody = withExample(
  v.strictObject({
    records: v.pipe(v.array(recordInWithTopic), v.minLength(1)),
    acks: v.optional(acksJson),
  }),
  { records: [{ topic: "orders", key: "u1", value: { json: { n: 1 } } }] },
);

const wholeNumber = v.pipe(v.number(), v.integer());

const producer = v.object({ epoch: wholeNumber, seq: wholeNumber });

const appended = v.object({
  topic: v.optional(v.string()),
  partition: wholeNumber,
  offset: wholeNumber,
  timestamp: v.nullable(wholeNumber),
});

export const produced = v.object({
  results: v.array(appended),
  duplicate: v.boolean(),
  producer: v.optional(producer),
});

export const producedInPart = v.object({
  results: v.array(
    v.union([
      v.object({ ...appended.entries, status: v.literal(200) }),
      v.object({
        topic: v.optional(v.string()),
        partition: wholeNumber,
        status: wholeNumber,
        error: v.unknown(),
      }),
    ]),
  ),
  duplicate: v.boolean(),
  producer: v.optional(producer),
});

/** One line of an NDJSON answer. */
export const receipt = v.union([
  v.object({
    topic: v.optional(v.string()),
    partition: wholeNumber,
    offset: wholeNumber,
    timestamp: v.nullable(wholeNumber),
    duplicate: v.optional(v.boolean()),
  }),
  v.object({ error: v.unknown() }),
]);
