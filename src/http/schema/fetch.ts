/**
 * Queries, bodies and answers of the fetch routes; and the places in a log that `from` and `at` can name.
 */
import * as v from "valibot";
import { httpLimits } from "../limits.ts";
import { recordForms } from "../reading/record-out.ts";
import { recordOut } from "./record.ts";
import {
  flagText,
  integer,
  integerText,
  OFFSET_MAX,
  shaped,
  topicName,
  withExample,
} from "./shapes.ts";

/** A place in a log as people name it. */
export type FromSpec =
  | { readonly at: "offset"; readonly offset: number }
  | { readonly at: "earliest" }
  | { readonly at: "latest" }
  | { readonly at: "max_timestamp" }
  | { readonly at: "timestamp"; readonly timestampMs: number }
  | { readonly at: "tail"; readonly count: number };

const FROM_WORDS =
  "must be an offset, earliest, latest, ts:<ISO 8601 or milliseconds> or tail:<count>";
const AT_WORDS = "must be earliest, latest, max_timestamp, or ts:<ISO 8601 or milliseconds>";
const FROM_PATTERN = String.raw`^(\d{1,16}|earliest|latest|ts:\S{1,40}|tail:\d{1,16})$`;
const AT_PATTERN = String.raw`^(earliest|latest|max_timestamp|ts:\S{1,40})$`;

export const fromText = placeText(
  FROM_WORDS,
  FROM_PATTERN,
  "An offset, `earliest`, `latest`, `ts:<ISO 8601 or ms>` or `tail:<count>`. `tail` counts offsets back from the end, not " +
    "records: the markers of transactions and what compaction took away have offsets, too.",
);
const fromOffset = v.pipe(
  integer(0, OFFSET_MAX),
  v.transform((offset): FromSpec => ({ at: "offset", offset })),
);

function placeText(words: string, pattern: string, description?: string) {
  const allowed = new RegExp(pattern);
  return shaped(
    v.pipe(
      v.string(words),
      v.rawTransform<string, FromSpec>(({ dataset, addIssue, NEVER }) => {
        // A `+` of a time zone that was not escaped arrives as a space.
        const text = dataset.value.replace(" ", "+");
        const spec = allowed.test(text) ? specOf(text) : null;
        if (spec) return spec;
        addIssue({ message: words });
        return NEVER;
      }),
    ),
    { type: "string", pattern, ...(description === undefined ? {} : { description }) },
  );
}

function specOf(text: string): FromSpec | null {
  if (text === "earliest" || text === "latest" || text === "max_timestamp") return { at: text };
  if (text.startsWith("ts:")) return timeOf(text.slice(3));
  const tail = text.startsWith("tail:");
  const number = Number(tail ? text.slice(5) : text);
  if (number > OFFSET_MAX) return null;
  return tail ? { at: "tail", count: number } : { at: "offset", offset: number };
}

function timeOf(text: string): FromSpec | null {
  const timestampMs = /^\d{1,16}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d{2}-\d{2}/.test(text)
      ? Date.parse(text)
      : Number.NaN;
  return timestampMs >= 0 && timestampMs <= OFFSET_MAX ? { at: "timestamp", timestampMs } : null;
}

const isolation = v.picklist(
  ["read_committed", "read_uncommitted"],
  "must be read_committed or read_uncommitted",
);
const as = v.picklist(recordForms, "must be auto, text, json or b64");

const bounds = {
  max_records: [1, httpLimits.fetchRecordsMax],
  max_bytes: [1, httpLimits.fetchBytesMax],
  min_bytes: [0, httpLimits.fetchBytesMax],
  wait_ms: [0, httpLimits.waitMsMax],
} as const;

export const fetchQuery = v.strictObject({
  from: v.optional(fromText),
  to: v.optional(integerText(0, OFFSET_MAX)),
  max_records: v.optional(integerText(...bounds.max_records)),
  max_bytes: v.optional(integerText(...bounds.max_bytes)),
  min_bytes: v.optional(integerText(...bounds.min_bytes)),
  wait_ms: v.optional(integerText(...bounds.wait_ms)),
  isolation: v.optional(isolation),
  as: v.optional(as),
  clamp: v.optional(flagText()),
  turn: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,16}$/, "must be a turn of an earlier answer")),
  ),
});

const fetchPartition = v.strictObject({
  topic: topicName,
  partition: integer(0, 2 ** 31 - 1),
  from: v.optional(v.union([fromText, fromOffset], FROM_WORDS)),
  max_bytes: v.optional(integer(...bounds.max_bytes)),
});

export const fetchManyBody = withExample(
  v.strictObject({
    partitions: v.pipe(
      v.array(fetchPartition, "must be a list of partitions"),
      v.minLength(1, "must hold at least one partition"),
      v.maxLength(httpLimits.fetchPartitionsMax, "are more than one request may ask"),
    ),
    max_records: v.optional(integer(...bounds.max_records)),
    max_bytes: v.optional(integer(...bounds.max_bytes)),
    min_bytes: v.optional(integer(...bounds.min_bytes)),
    wait_ms: v.optional(integer(...bounds.wait_ms)),
    isolation: v.optional(isolation),
    as: v.optional(as),
    clamp: v.optional(v.boolean("must be true or false")),
  }),
  { partitions: [{ topic: "orders", partition: 0, from: 123 }], wait_ms: 20_000 },
);

export const offsetsQuery = v.strictObject({
  at: placeText(AT_WORDS, AT_PATTERN),
  isolation: v.optional(isolation),
});

export const chunkParams = v.strictObject({
  topic: topicName,
  partition: integerText(0, 2 ** 31 - 1),
  base: integerText(0, OFFSET_MAX),
});

const wholeNumber = v.pipe(v.number(), v.integer());

const ends = {
  log_start: wholeNumber,
  high_watermark: wholeNumber,
  last_stable: wholeNumber,
  epoch: wholeNumber,
};

const page = {
  records: v.array(recordOut),
  /** The offset to ask for next. */
  next: wholeNumber,
  up_to_date: v.boolean(),
  ...ends,
};

export const fetched = v.object({ ...page, turn: v.string() });

export const fetchedMany = v.object({
  partitions: v.array(
    v.union([
      v.object({ topic: v.string(), partition: wholeNumber, ...page }),
      v.object({
        topic: v.string(),
        partition: wholeNumber,
        status: wholeNumber,
        error: v.unknown(),
      }),
    ]),
  ),
  turn: v.string(),
});

export const foundOffset = v.object({
  /** Null when no record is at or past that time. */
  offset: v.nullable(wholeNumber),
  timestamp: v.nullable(wholeNumber),
  ...ends,
});
