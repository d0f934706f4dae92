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
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  throw new Refusal("invalid_request", sentence(result.issues, where));
}

function sentence(issues: readonly v.BaseIssue<unknown>[], where: string): string {
  const told = issues.slice(0, ISSUES_MAX).map((issue) => {
    const path = v.getDotPath(issue);
    return `${path ? `${where}.${path}` : where}: ${words(issue)}`;
  });
  const more = issues.length - told.length;
  return more > 0 ? `${told.join("; ")}; and ${more} more.` : `${told.join("; ")}.`;
}

/** The library's own words for a field too many or too few are about its types, not about the request. */
function words(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object" && issue.type !== "object") return issue.message;
  if (issue.expected === "never") return "there is no such field here";
  return issue.received === "undefined" ? "is missing" : issue.message;
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
