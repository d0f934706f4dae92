/**
 * Small schemas that many bodies and queries share. Query and path values come as text: these turn them into numbers and
 * say in `jsonShapes` what they look like in the OpenAPI document.
 */
import * as v from "valibot";

/** What a schema looks like in JSON Schema where its valibot type cannot tell (text that stands for a number). */
export const jsonShapes = new WeakMap<object, Readonly<Record<string, unknown>>>();

/** Says what the schema looks like; the converter meets a pipe by its first schema. */
export function shaped<S extends object>(schema: S, shape: Readonly<Record<string, unknown>>): S {
  const first: unknown = "pipe" in schema && Array.isArray(schema.pipe) ? schema.pipe[0] : schema;
  jsonShapes.set(first as object, shape);
  return schema;
}

/** Adds words to what a schema looks like; of one that `shaped` made, or with the shape given. */
export function described<S extends object>(
  schema: S,
  description: string,
  shape: Readonly<Record<string, unknown>> = {},
): S {
  const first: unknown = "pipe" in schema && Array.isArray(schema.pipe) ? schema.pipe[0] : schema;
  return shaped(schema, { ...jsonShapes.get(first as object), ...shape, description });
}

/** In a shape: the document leaves the parameter out. */
export const UNDOCUMENTED = "x-undocumented";

/** A parameter that is refused wherever it is given, with words that say where it is taken. */
export function refusedHere(words: string) {
  return shaped(
    v.custom<never>(() => false, words),
    { [UNDOCUMENTED]: true },
  );
}

/** What a body may look like, by its schema: shown in the OpenAPI document. */
export const bodyExamples = new WeakMap<object, unknown>();

/** Gives a body's schema an example. */
export function withExample<S extends v.GenericSchema>(schema: S, example: v.InferInput<S>): S {
  bodyExamples.set(schema, example);
  return schema;
}

/** The largest offset: JSON numbers are exact up to here. */
export const OFFSET_MAX = Number.MAX_SAFE_INTEGER;

/** Decimal text of an integer in `min..max`. */
export function integerText(min: number, max: number) {
  const words = `must be an integer from ${min} to ${max}`;
  return shaped(
    v.pipe(
      v.string(words),
      v.regex(/^-?\d{1,16}$/, words),
      v.transform(Number),
      v.minValue(min, words),
      v.maxValue(max, words),
    ),
    { type: "integer", minimum: min, maximum: max },
  );
}

/** `true`, `false`, `1` or `0` as text. */
export function flagText() {
  return shaped(
    v.pipe(
      v.picklist(["true", "false", "1", "0"], "must be true or false"),
      v.transform((text) => text === "true" || text === "1"),
    ),
    { type: "boolean" },
  );
}

/** A JSON integer in `min..max`. */
export function integer(min: number, max: number) {
  const words = `must be an integer from ${min} to ${max}`;
  return shaped(
    v.pipe(v.number(words), v.safeInteger(words), v.minValue(min, words), v.maxValue(max, words)),
    { type: "integer", minimum: min, maximum: max },
  );
}

/** An object of texts by name. To valibot a list is one too, and an empty list one without members: it is refused here. */
export function texts<S extends v.GenericSchema<unknown, string | null>>(
  value: S,
  { nameLengthMax, valueShape }: TextsShape,
) {
  const words = "must be an object";
  return shaped(
    v.pipe(
      v.custom<Record<string, unknown>>((given) => !Array.isArray(given), words),
      v.record(v.pipe(v.string(), v.maxLength(nameLengthMax, "is too long")), value, words),
    ),
    {
      type: "object",
      propertyNames: { maxLength: nameLengthMax },
      additionalProperties: valueShape,
    },
  );
}

/** What `texts` looks like in JSON Schema: the longest name, in characters, and each value. */
export interface TextsShape {
  readonly nameLengthMax: number;
  readonly valueShape: Readonly<Record<string, unknown>>;
}

/** Standard base64, given as bytes. */
export function base64Text() {
  return shaped(
    v.pipe(
      v.string("must be base64 text"),
      v.rawTransform<string, Uint8Array>(({ dataset, addIssue, NEVER }) => {
        try {
          return Uint8Array.fromBase64(dataset.value);
        } catch {
          addIssue({ message: "must be base64 (RFC 4648, with or without padding)" });
          return NEVER;
        }
      }),
    ),
    { type: "string", format: "byte", pattern: "^[A-Za-z0-9+/]*={0,2}$" },
  );
}

/** Text that UTF-8 can carry: no lone surrogates. */
export function wellFormedText(words = "must be text") {
  return v.pipe(
    v.string(words),
    v.check((text) => text.isWellFormed(), "holds a lone surrogate, which UTF-8 cannot carry"),
  );
}

/** A topic's name where it must exist: any text, since a strange name is simply unknown. */
export const topicName = shaped(
  v.pipe(v.string(), v.minLength(1), v.maxLength(249, "is too long")),
  {
    type: "string",
    minLength: 1,
    maxLength: 249,
  },
);

/** Kafka bounds the names of groups and members nowhere; a record of the coordinator has to hold them. */
const GROUP_NAME_LENGTH_MAX = 1000;

/** A group's name, or a member's, wherever one is asked for. */
export const groupName = shaped(
  v.pipe(
    wellFormedText(),
    v.minLength(1, "must not be empty"),
    v.maxLength(GROUP_NAME_LENGTH_MAX, "is too long"),
  ),
  { type: "string", minLength: 1, maxLength: GROUP_NAME_LENGTH_MAX },
);

const partitionText = integerText(0, 2 ** 31 - 1);
export const topicParams = v.strictObject({ topic: topicName });
export const partitionParams = v.strictObject({ topic: topicName, partition: partitionText });
export const noQuery = v.strictObject({});
