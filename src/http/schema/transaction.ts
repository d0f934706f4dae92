/** Bodies and answers of transactions. */
import * as v from "valibot";
import { recordIn } from "./record.ts";
import {
  groupName,
  integer,
  OFFSET_MAX,
  shaped,
  topicName,
  wellFormedText,
  withExample,
} from "./shapes.ts";

const INT32_MAX = 2 ** 31 - 1;
const PLACES_MAX = 10_000;

const transactionalId = shaped(
  v.pipe(wellFormedText(), v.minLength(1, "must not be empty"), v.maxLength(249, "is too long")),
  { type: "string", minLength: 1, maxLength: 249 },
);

const place = { topic: topicName, partition: integer(0, INT32_MAX) };

export const groupOffsets = v.strictObject({
  group: groupName,
  member_id: v.optional(groupName),
  member_epoch: v.optional(integer(-1, INT32_MAX)),
  offsets: v.pipe(
    v.array(
      v.strictObject({
        ...place,
        offset: integer(0, OFFSET_MAX),
        metadata: v.optional(v.pipe(wellFormedText(), v.maxLength(4_096, "is too long"))),
      }),
    ),
    v.minLength(1, "must hold at least one offset"),
    v.maxLength(PLACES_MAX, "holds too many offsets"),
  ),
});

const expectations = v.pipe(
  v.array(v.strictObject({ ...place, offset: integer(0, OFFSET_MAX) })),
  v.maxLength(PLACES_MAX, "holds too many entries"),
);

/** What stands around the records; they are read by `record-in.ts`. */
export const transactEnvelope = v.strictObject({
  produce: v.optional(v.array(v.strictObject({ topic: topicName, records: v.array(v.unknown()) }))),
  offsets: v.optional(groupOffsets),
  expect: v.optional(expectations),
  settle: v.optional(v.unknown()),
});

/** The same with the records spelled out, for the document. */
export const transactBody = withExample(
  v.strictObject({
    produce: v.optional(
      v.array(
        v.strictObject({ topic: topicName, records: v.pipe(v.array(recordIn), v.minLength(1)) }),
      ),
    ),
    offsets: v.optional(groupOffsets),
    expect: v.optional(expectations),
  }),
  {
    produce: [{ topic: "totals", records: [{ key: "u1", value: { json: { sum: 3 } } }] }],
    offsets: { group: "adders", offsets: [{ topic: "orders", partition: 0, offset: 124 }] },
  },
);

const wholeNumber = v.pipe(v.number(), v.integer());

export const transacted = v.object({
  results: v.array(
    v.object({
      topic: v.string(),
      partition: wholeNumber,
      offset: wholeNumber,
      timestamp: v.nullable(wholeNumber),
    }),
  ),
  duplicate: v.boolean(),
});

export const beginBody = v.strictObject({
  transactional_id: transactionalId,
  timeout_ms: v.optional(integer(1, INT32_MAX)),
});

const open = {
  txn: v.string(),
  transactional_id: v.string(),
  producer_id: wholeNumber,
  producer_epoch: wholeNumber,
};

export const begun = v.object({ ...open, timeout_ms: wholeNumber });
export const offsetsAdded = v.object({ txn: v.string(), status: v.literal("ongoing") });
export const ended = v.object({
  txn: v.string(),
  status: v.picklist(["committed", "aborted"]),
  next: v.object(open),
});

export const txnParams = v.strictObject({
  txn: shaped(v.pipe(v.string(), v.minLength(1), v.maxLength(1_024)), {
    type: "string",
    minLength: 1,
    maxLength: 1_024,
  }),
});
