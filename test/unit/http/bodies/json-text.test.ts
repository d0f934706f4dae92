import { expect, test } from "bun:test";
import { jsonFault, type JsonFault, NESTING_MAX } from "../../../../src/http/bodies/json-text.ts";
import { dataText } from "../../../../src/http/reading/record-out.ts";

const padding = `"${"x".repeat(1_000)}"`;
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

const faults: readonly [name: string, text: string, type: JsonFault["type"] | null][] = [
  ["deep arrays", nested(NESTING_MAX + 1), "deep"],
  ["deep arrays without an end", "[".repeat(100_000), "deep"],
  ["deep objects", '{"a":'.repeat(NESTING_MAX + 1), "deep"],
  ["as deep as may be", nested(NESTING_MAX), null],
  ["many after each other", `[${"[],".repeat(900)}[]]`, null],
  ["too many values", `[${"1,".repeat(1_001)}1]`, "many"],
  ["commas in strings", `[${padding},"${",".repeat(2_000)}"]`, null],
  ["brackets in strings", `[${padding},"${"[".repeat(2_000)}"]`, null],
  ["escaped quotes", `[${padding},"\\"${"[".repeat(2_000)}\\\\\\"","\\\\"]`, null],
  ["a string without an end", `["${"[".repeat(2_000)}\\"`, null],
  ["an integer beyond 2^53", "[12345678901234567890]", "integer"],
  ["one that fits", "[9007199254740991, -9007199254740991]", null],
  ["one in a string", '["12345678901234567890", ",12345678901234567890"]', null],
  ["a number beyond a double", "[1e400]", "number"],
  ["a negative one", `[${padding},-1.5E+999]`, "number"],
  ["a large one that fits", "[1e300,1.7976931348623157e308,1e-999]", null],
  ["digits without an end", "1".repeat(1 << 20), "number"],
  ["an exponent in a string", '["1e400"]', null],
  ["no number", `[${padding},1-2-3e+e+400]`, null],
];

for (const [name, text, type] of faults)
  test(`before parsing: ${name}`, () => {
    expect(jsonFault(text, 1_000)?.type ?? null).toBe(type);
  });

test("16 MiB of the worst are looked through at once", () => {
  const texts = ["[".repeat(1 << 24), "{},".repeat(5 << 20), '"\\"'.repeat(5 << 20)];
  const started = performance.now();
  for (const text of texts) jsonFault(text, 500_000);
  expect(performance.now() - started).toBeLessThan(2_000);
});

test("stored JSON goes out as a string where a parser could not take it, on one line in any case", () => {
  const written = (text: string) => dataText(new TextEncoder().encode(text), "json");
  const deep = `[\n${nested(100_000)}]`;
  expect(written(deep)).toBe(JSON.stringify(deep));
  expect(written('{\r\n "a": [1,\n2]\n}')).toBe('{  "a": [1, 2] }');
  expect(written("[1e400]")).toBe('"[1e400]"');
});
