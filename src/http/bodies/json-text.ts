/**
 * A look at JSON before it is parsed: is it too deep, has it too many values, would a number change?
 *
 * - JSON.parse and JSON.stringify recurse, and what they cost goes by values, not bytes: 16 MiB of `[` or of `{},` would
 *   stop the node for seconds. One pass over the text says so first.
 * - Numbers that a double cannot hold are found here too, since a reviver costs five times the parsing itself.
 * - It judges no syntax: what is not JSON is left to JSON.parse.
 */

/** Arrays and objects within each other. */
export const NESTING_MAX = 512;

/** Text so short can be neither deep nor rich enough to hurt. */
const HARMLESS_LENGTH_MAX = 512;

/** Digits of one number; the longest exact double has 1,076. */
const NUMBER_LENGTH_MAX = 1_100;

/** What only a text with a number of many digits or a large exponent shows. */
const doubtfulNumber = /\d{16}|\d[eE]\+?\d{3}/;

const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const BACKSLASH = 92;

export type JsonFault =
  | { readonly type: "deep" }
  | { readonly type: "many" }
  | { readonly type: "integer" | "number"; readonly source: string };

/** The first thing that keeps the text from being parsed well, or null; at most `valuesMax` commas are allowed. */
export function jsonFault(text: string, valuesMax: number): JsonFault | null {
  if (text.length <= HARMLESS_LENGTH_MAX && !doubtfulNumber.test(text)) return null;
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at);
    else if (code === COMMA) {
      if (++values > valuesMax) return { type: "many" };
    } else if (isOpening(code)) {
      if (++depth > NESTING_MAX) return { type: "deep" };
    } else if (isClosing(code)) depth -= 1;
    else if (code === MINUS || isDigit(code)) {
      const end = numberEnd(text, at + 1);
      const fault = end - at < 5 ? null : numberFault(text.slice(at, end));
      if (fault) return fault;
      at = end - 1;
    }
  }
  return null;
}

/** Where the string that begins at `at` ends: its closing quote, or the text's end where it has none. */
function stringEnd(text: string, at: number): number {
  let end = at;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let slashes = end;
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes -= 1;
    if ((end - slashes) % 2 === 0) return end;
  }
}

function numberEnd(text: string, from: number): number {
  let end = from;
  const endMax = Math.min(text.length, from + NUMBER_LENGTH_MAX);
  while (end < endMax && isNumberPart(text.charCodeAt(end))) end += 1;
  return end;
}

function numberFault(source: string): JsonFault | null {
  if (source.length > NUMBER_LENGTH_MAX) return { type: "number", source };
  const value = Number(source);
  if (Number.isSafeInteger(value) || Number.isNaN(value)) return null;
  if (/^-?\d+$/.test(source)) return { type: "integer", source };
  return Number.isFinite(value) ? null : { type: "number", source };
}

function isOpening(code: number): boolean {
  return code === 91 || code === 123;
}

function isClosing(code: number): boolean {
  return code === 93 || code === 125;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Digits, and what stands between them: `+ - . E e`. */
function isNumberPart(code: number): boolean {
  return isDigit(code) || (code >= 43 && code <= 46 && code !== 44) || code === 69 || code === 101;
}
