/**
 * Records as they come in and go out. Coming in, `record-in.ts` reads them by hand for speed; these schemas document it
 * and are held against it by a property test.
 */
import * as v from "valibot";
import { HEADERS_MAX, PARTITION_MAX, TIMESTAMP_MAX } from "../producing/record-in.ts";
import { base64Text, integer, shaped, topicName, wellFormedText } from "./shapes.ts";

/** Any JSON; `undefined` stands for a field that is not there. */
const anyJson = v.custom<unknown>((value) => value !== undefined);

/** Bytes on their way in. */
const dataIn = v.nullable(
  v.union([
    wellFormedText(),
    v.strictObject({ json: anyJson }),
    v.strictObject({ b64: base64Text() }),
  ]),
);

export const recordIn = v.strictObject({
  value: dataIn,
  key: v.optional(dataIn),
  headers: v.optional(
    v.pipe(v.array(v.strictTuple([wellFormedText(), dataIn])), v.maxLength(HEADERS_MAX)),
  ),
  timestamp: v.optional(integer(0, TIMESTAMP_MAX)),
  partition: v.optional(integer(0, PARTITION_MAX)),
});

export const recordInWithTopic = v.strictObject({ topic: topicName, ...recordIn.entries });

/** Bytes on their way out: text, `{b64}`, or with `as=json` what they parse to. */
const dataOut = v.unknown();

const wholeNumber = v.pipe(v.number(), v.integer());

/** `[name, data]`; said without `prefixItems`, which readers of the document know badly. */
const headerOut = shaped(v.tuple([v.string(), dataOut]), {
  type: "array",
  minItems: 2,
  maxItems: 2,
});

export const recordOut = v.object({
  topic: v.string(),
  partition: wholeNumber,
  offset: wholeNumber,
  timestamp: wholeNumber,
  timestamp_type: v.picklist(["create", "append"]),
  key: dataOut,
  value: dataOut,
  headers: v.array(headerOut),
});
