/** Bodies, queries and answers of the produce routes. */
import * as v from "valibot";
import { recordIn, recordInWithTopic } from "./record.ts";
import {
  base64Text,
  described,
  flagText,
  integer,
  integerText,
  OFFSET_MAX,
  refusedHere,
  wellFormedText,
  withExample,
} from "./shapes.ts";

const acksWords = ["all", "1", "0", "-1"] as const;
const acks = described(
  v.picklist(acksWords, "must be all, 1 or 0"),
  "When it is answered: `all` (the default, as -1) once the records are synced on every in-sync replica, `1` once the leader wrote them, `0` once they are queued.",
  { enum: acksWords },
);
const create = described(
  flagText(),
  "Makes the topic, with the node's defaults, where there is none.",
);
const acksJson = v.picklist(["all", "1", "0", "-1", 1, 0, -1], 'must be "all", 1 or 0');

/** `key`, `key_b64`, `timestamp` and `raw` are for a body that is one record. */
export const produceQuery = v.strictObject({
  acks: v.optional(acks),
  create: v.optional(create),
  key: v.optional(wellFormedText()),
  key_b64: v.optional(base64Text()),
  timestamp: v.optional(
    described(
      integerText(0, OFFSET_MAX),
      "The record's own time in epoch milliseconds, where the body is one value.",
    ),
  ),
  raw: v.optional(
    described(
      flagText(),
      "The body is one record's value, also where its type is `application/json`.",
    ),
  ),
  expect: v.optional(
    described(
      integerText(0, OFFSET_MAX),
      "The offset that the records must get: 412 `offset_mismatch` where the log's next one is another.",
    ),
  ),
});

/** Of a whole topic: an expected offset is one of a partition. */
export const produceTopicQuery = v.strictObject({
  ...produceQuery.entries,
  expect: v.optional(
    refusedHere("only with a pinned partition: POST …/partitions/{partition}/records"),
  ),
});

export const produceManyQuery = v.strictObject({
  acks: v.optional(acks),
  create: v.optional(create),
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
