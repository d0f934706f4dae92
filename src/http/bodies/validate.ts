/**
 * From a raw request to what a route's schemas promise: path, query and JSON body, each refused in words that name the
 * place and the mistake.
 */
import * as v from "valibot";
import { Refusal } from "../../lib/refusal.ts";
import { jsonFault, type JsonFault, NESTING_MAX } from "./json-text.ts";

/** Issues told at once; a body of 10,000 bad records would say the same thing 10,000 times. */
const ISSUES_MAX = 5;

/** The value as its schema gives it. Throws invalid_request; `where` is `query`, `body`, … */
export function validate<T>(schema: v.GenericSchema<unknown, T>, value: unknown, where: string): T {
  // To valibot a list is an object whose members are its places.
  if (Array.isArray(value) && isOfObjects(schema))
    throw new Refusal("invalid_request", `${where}: ${NO_LIST}.`);
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  throw new Refusal("invalid_request", sentence(result.issues, where, schema));
}

const NO_LIST = "must be an object, not a list";

function sentence(
  issues: readonly v.BaseIssue<unknown>[],
  where: string,
  schema: v.GenericSchema,
): string {
  const told = new Set<string>();
  for (const issue of issues.slice(0, ISSUES_MAX)) {
    const isInList = isOfMember(issue) && Array.isArray(issue.path?.at(-1)?.input);
    const path = (issue.path ?? []).slice(0, isInList ? -1 : undefined);
    const place = [where, ...path.map(({ key }) => String(key))].join(".");
    told.add(`${place}: ${isInList ? NO_LIST : issueWords(issue, schema)}`);
  }
  const more = issues.length - Math.min(issues.length, ISSUES_MAX);
  const all = [...told].join("; ");
  return more > 0 ? `${all}; and ${more} more.` : `${all}.`;
}

/** A member too many or too few. */
function isOfMember({ type, expected, received }: v.BaseIssue<unknown>): boolean {
  if (type !== "strict_object" && type !== "object") return false;
  return expected === "never" || received === "undefined";
}

/** The library's own words are about its types, not about the request. */
function issueWords(issue: v.BaseIssue<unknown>, schema: v.GenericSchema): string {
  if (isOfMember(issue)) {
    if (issue.expected !== "never") return "is missing";
    const names = membersAt(schema, issue.path ?? []);
    if (names === null) return "there is no such field here";
    return `there is no such field here, ${names.length === 0 ? "none at all" : `only ${names.join(", ")}`}`;
  }
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  if (issue.type === "min_length") return "must not be empty";
  if (issue.kind !== "schema" || issue.expected === null) return issue.message;
  return `must be ${typeWords[issue.expected] ?? issue.expected}`;
}

const typeWords: Readonly<Record<string, string>> = {
  Array: "a list",
  Object: "an object",
  string: "text",
  number: "a number",
  boolean: "true or false",
};

type Path = readonly { readonly key: unknown; readonly input: unknown }[];

/** The members of the object in which the path ends; null where the schema does not lead there (through a union). */
function membersAt(schema: unknown, path: Path): string[] | null {
  const [first, ...rest] = path;
  if (!isObject(schema) || !first) return null;
  const { wrapped, item, options, entries, key } = schema;
  if (wrapped !== undefined) return membersAt(wrapped, path);
  if (Array.isArray(options) && typeof key === "string" && isObject(first.input)) {
    const kind = first.input[key];
    return membersAt(
      options.find((option) => option.entries[key].literal === kind),
      path,
    );
  }
  if (item !== undefined) return membersAt(item, rest);
  if (!isObject(entries)) return null;
  if (rest.length === 0) return Object.keys(entries);
  return typeof first.key === "string" ? membersAt(entries[first.key], rest) : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isOfObjects({ type }: v.GenericSchema): boolean {
  return ["object", "strict_object", "variant"].includes(type);
}

/** The query string as an object; a parameter that is given twice becomes an array. Throws invalid_request. */
export function queryOf(url: string): Record<string, string | string[]> {
  const mark = url.indexOf("?");
  if (mark < 0) return {};
  const hash = url.indexOf("#", mark);
  const text = hash < 0 ? url.slice(mark + 1) : url.slice(mark + 1, hash);
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    // URLSearchParams puts U+FFFD where bytes are not UTF-8; a key must not change under way.
    if (value.includes("\ufffd") && !isUtf8(text))
      throw new Refusal(
        "invalid_request",
        `query.${name}: not UTF-8; bytes go base64-encoded, such as in \`key_b64\`.`,
      );
    const before = query[name];
    if (Array.isArray(before)) before.push(value);
    else query[name] = before === undefined ? value : [before, value];
  }
  return { ...query };
}

/** Whether each U+FFFD of the decoded query was sent as one. */
function isUtf8(text: string): boolean {
  const rest = text.replaceAll(/%ef%bf%bd|\ufffd/gi, "-");
  return [...new URLSearchParams(rest)].every(([, value]) => !value.includes("\ufffd"));
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Commas that JSON may have: what parsing costs, some 50 ms. */
const VALUES_MAX = 500_000;

/** Parses JSON from bytes. Throws invalid_request on anything that is not exactly one JSON text in UTF-8. */
export function parseJson(bytes: Uint8Array, where = "body", valuesMax = VALUES_MAX): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal("invalid_request", `${where}: not valid UTF-8.`);
  }
  return parseJsonText(text, where, valuesMax);
}

/** As `parseJson`, from text. Numbers that a double cannot hold are refused, since they would be changed silently. */
export function parseJsonText(text: string, where = "body", valuesMax = VALUES_MAX): unknown {
  if (text === "") throw new Refusal("invalid_request", `${where}: empty; send JSON.`);
  const fault = jsonFault(text, valuesMax);
  if (fault) throw new Refusal("invalid_request", `${where}: ${faultWords(fault, valuesMax)}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal("invalid_request", `${where}: not valid JSON (${reason}).`);
  }
}

function faultWords(fault: JsonFault, valuesMax: number): string {
  switch (fault.type) {
    case "deep":
      return `nested more than ${NESTING_MAX} deep; send such a value as text.`;
    case "many":
      return `more than ${valuesMax} values at once; send less, or as text or lines.`;
    case "integer":
      return `the integer ${fault.source.slice(0, 40)} is beyond 2^53 and would change; send it as a string.`;
    case "number":
      return `the number ${fault.source.slice(0, 40)} is beyond a double and would be lost; send it as a string.`;
    default:
      return fault satisfies never;
  }
}
