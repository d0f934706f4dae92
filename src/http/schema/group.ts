/**
 * Queries, bodies and answers of the group routes.
 */
import * as v from "valibot";
import { httpLimits } from "../limits.ts";
import { recordForms } from "../reading/record-out.ts";
import { recordOut } from "./record.ts";
import {
  groupName as name,
  integer,
  integerText,
  OFFSET_MAX,
  topicName,
  wellFormedText,
  withExample,
} from "./shapes.ts";

const TOPICS_MAX = 1000;
const OFFSETS_MAX = 10_000;
/** Longer silence is an hour's; shorter would end a member between two polls. */
const SESSION_MS = [1000, 3_600_000] as const;
const PATTERN_LENGTH_MAX = 4096;

export const groupParams = v.strictObject({ group: name });
export const memberParams = v.strictObject({ group: name, member: name });

export const listGroupsQuery = v.strictObject({
  limit: v.optional(integerText(1, httpLimits.pageMax)),
  after: v.optional(v.string()),
});

const reset = v.picklist(["earliest", "latest", "none"], "must be earliest, latest or none");
const isolation = v.picklist(
  ["read_committed", "read_uncommitted"],
  "must be read_committed or read_uncommitted",
);
const as = v.picklist(recordForms, "must be auto, text, json or b64");

export const joinBody = withExample(
  v.strictObject({
    topics: v.optional(
      v.pipe(
        v.array(topicName, "must be a list of topics"),
        v.maxLength(TOPICS_MAX, "are too many"),
      ),
    ),
    topic_regex: v.optional(
      v.pipe(wellFormedText(), v.maxLength(PATTERN_LENGTH_MAX, "is too long")),
    ),
    instance_id: v.optional(name),
    incarnation: v.optional(name),
    assignor: v.optional(v.string("must be an assignor's name")),
    reset: v.optional(reset),
    session_ms: v.optional(integer(...SESSION_MS)),
    rebalance_ms: v.optional(integer(...SESSION_MS)),
  }),
  { topics: ["orders"], reset: "earliest" },
);

const wholeNumber = v.pipe(v.number(), v.integer());
const topicPartitions = v.object({ topic: v.string(), partitions: v.array(wholeNumber) });
const epoch = integer(-1, 2 ** 31 - 1);

/** Topics that the member named and that are not there; left out where there are none. */
const unknownTopics = v.optional(v.array(v.string()));

export const joined = v.object({
  member_epoch: wholeNumber,
  assignment: v.array(topicPartitions),
  /** The member is out if it has not polled by then. */
  poll_by_ms: wholeNumber,
  unknown_topics: unknownTopics,
});

const committed = v.strictObject({
  topic: topicName,
  partition: integer(0, 2 ** 31 - 1),
  offset: integer(0, OFFSET_MAX),
});

const offsets = v.pipe(
  v.array(committed, "must be a list of offsets"),
  v.maxLength(OFFSETS_MAX, "are too many"),
);

export const pollBody = withExample(
  v.strictObject({
    member_epoch: epoch,
    poll_id: name,
    incarnation: v.optional(name),
    commit: v.optional(offsets),
    max_records: v.optional(integer(1, httpLimits.fetchRecordsMax)),
    max_bytes: v.optional(integer(1, httpLimits.fetchBytesMax)),
    min_bytes: v.optional(integer(0, httpLimits.fetchBytesMax)),
    wait_ms: v.optional(integer(0, httpLimits.waitMsMax)),
    isolation: v.optional(isolation),
    as: v.optional(as),
  }),
  {
    member_epoch: 7,
    poll_id: "c1",
    commit: [{ topic: "orders", partition: 0, offset: 124 }],
    wait_ms: 20_000,
  },
);

export const polled = v.object({
  member_epoch: wholeNumber,
  /** Null: as it was told before. */
  assignment: v.nullable(v.array(topicPartitions)),
  records: v.array(recordOut),
  /** What to commit once these records are done with. */
  next: v.array(v.object({ topic: v.string(), partition: wholeNumber, offset: wholeNumber })),
  unknown_topics: unknownTopics,
});

export const commitBody = v.strictObject({
  member_id: v.optional(name),
  member_epoch: v.optional(epoch),
  offsets: v.pipe(offsets, v.minLength(1, "must hold at least one offset")),
});

export const committedOffsets = v.object({
  offsets: v.array(
    v.object({
      topic: v.string(),
      partition: wholeNumber,
      status: wholeNumber,
      error: v.optional(v.unknown()),
    }),
  ),
});

export const groupOffsets = v.object({
  offsets: v.array(
    v.object({
      topic: v.string(),
      partition: wholeNumber,
      offset: wholeNumber,
      metadata: v.string(),
    }),
  ),
});

export const groupLag = v.object({
  lag: wholeNumber,
  partitions: v.array(
    v.object({
      topic: v.string(),
      partition: wholeNumber,
      /** Null where nothing was committed. */
      offset: v.nullable(wholeNumber),
      end: wholeNumber,
      lag: wholeNumber,
      member_id: v.nullable(v.string()),
    }),
  ),
});

const groupSummary = v.object({
  group: v.string(),
  type: v.picklist(["classic", "consumer"]),
  state: v.string(),
  protocol_type: v.string(),
});

export const groupList = v.object({
  groups: v.array(groupSummary),
  /** Ask again with `after=` this for the next page; null on the last. */
  next: v.nullable(v.string()),
});

export const groupDescription = v.object({
  ...groupSummary.entries,
  /** Of a classic group: its generation is not told, 0. */
  epoch: wholeNumber,
  assignment_epoch: wholeNumber,
  assignor: v.string(),
  members: v.array(
    v.object({
      member_id: v.string(),
      instance_id: v.nullable(v.string()),
      client_id: v.string(),
      client_host: v.string(),
      member_epoch: v.nullable(wholeNumber),
      topics: v.array(v.string()),
      topic_regex: v.nullable(v.string()),
      /** Null where the members tell each other alone (classic groups that rebalance, or of no consumers). */
      assignment: v.nullable(v.array(topicPartitions)),
      target: v.nullable(v.array(topicPartitions)),
    }),
  ),
});

export const streamQuery = v.strictObject({
  topic: v.optional(v.union([topicName, v.array(topicName)])),
  topic_regex: v.optional(v.pipe(v.string(), v.maxLength(PATTERN_LENGTH_MAX, "is too long"))),
  member: v.optional(name),
  reset: v.optional(reset),
  isolation: v.optional(isolation),
  as: v.optional(as),
  max_records: v.optional(integerText(1, httpLimits.fetchRecordsMax)),
});
