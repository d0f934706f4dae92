/**
 * From a raw request to what a route's schemas promise: path, query and JSON body, each refused in words that name the
 * place and the mistake.
 */
import * as v from "valibot";
import { Refusal } from "../lib/refusal.ts";

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
    return `${path ? `${where}.${path}` : where}: ${issue.message}`;
  });
  const more = issues.length - told.length;
  return more > 0 ? `${told.join("; ")}; and ${more} more.` : `${told.join("; ")}.`;
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
    if (value.includes("\ufffd") && !/%ef%bf%bd|\ufffd/i.test(text))
      throw new Refusal("invalid_request", `query.${name}: not UTF-8; bytes go base64-encoded.`);
    const before = query[name];
    query[name] =
      before === undefined
        ? value
        : typeof before === "string"
          ? [before, value]
          : [...before, value];
  }
  return { ...query };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Parses JSON from bytes. Throws invalid_request on anything that is not exactly one JSON text in UTF-8. */
export function parseJson(bytes: Uint8Array, where = "body"): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal("invalid_request", `${where}: not valid UTF-8.`);
  }
  return parseJsonText(text, where);
}

/** As `parseJson`, from text. Integers past 2^53 are refused, since they would be changed silently. */
export function parseJsonText(text: string, where = "body"): unknown {
  if (text === "") throw new Refusal("invalid_request", `${where}: empty; send JSON.`);
  try {
    return mayHoldHugeIntegers(text) ? JSON.parse(text, exact) : JSON.parse(text);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Refusal("invalid_request", `${where}: not valid JSON (${reason}).`);
  }
}

/** Where an integer of 16 digits or more begins, or text that looks like one. */
const longInteger = /(?:^|[:[,])\s*-?(\d{16,})/g;

/** A look before the walk over every value, which costs five times the parsing itself. */
function mayHoldHugeIntegers(text: string): boolean {
  for (const [, digits] of text.matchAll(longInteger))
    if (!Number.isSafeInteger(Number(digits))) return true;
  return false;
}

/** A reviver that refuses what a double cannot hold exactly. */
function exact(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== "number" || source === undefined || Number.isSafeInteger(value))
    return value;
  if (/^-?\d+$/.test(source))
    throw new Refusal(
      "invalid_request",
      `the integer ${source.slice(0, 40)} is beyond 2^53 and would change; send it as a string.`,
    );
  return value;
}
