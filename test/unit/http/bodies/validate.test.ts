/** JSON and query strings on their way in: exact, or refused in words that name the place. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import {
  parseJson,
  parseJsonText,
  queryOf,
  validate,
} from "../../../../src/http/bodies/validate.ts";

const kept: [string, unknown][] = [
  ["9007199254740991", 9007199254740991],
  ["-9007199254740991", -9007199254740991],
  ["[1.00000000000000001]", [1]],
  ['"9007199254740993"', "9007199254740993"],
  ['{"a":":9007199254740993"}', { a: ":9007199254740993" }],
  ["[1e300]", [1e300]],
];
for (const [text, value] of kept)
  test(`kept: ${text}`, () => {
    expect(parseJsonText(text)).toEqual(value);
  });

const refused: [string, string][] = [
  ["9007199254740992", "beyond 2^53"],
  ['{"a": [ -9007199254740993 ]}', "beyond 2^53"],
  ['{"a":12345678901234567890123}', "beyond 2^53"],
  ["", "empty"],
  ["{", "not valid JSON"],
  ["{} {}", "not valid JSON"],
  ["NaN", "not valid JSON"],
];
for (const [text, words] of refused)
  test(`refused: ${text}`, () => {
    expect(() => parseJsonText(text, "body")).toThrow(words);
    expect(() => parseJsonText(text, "body")).toThrow(/^body|^the integer/);
  });

test("bytes that are not UTF-8 are refused; a byte order mark is passed over", () => {
  expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]))).toThrow("not valid UTF-8");
  expect(parseJson(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]))).toBe(1);
});

test("query strings: repeated names are lists, odd names stay names", () => {
  expect(queryOf("http://h/p")).toEqual({});
  expect(queryOf("http://h/p?a=1&b=%20+&a=2&a=3#x")).toEqual({ a: ["1", "2", "3"], b: "  " });
  expect(Object.keys(queryOf("http://h/p?__proto__=1"))).toEqual(["__proto__"]);
  expect(queryOf("http://h/p?k=%EF%BF%BD")).toEqual({ k: "\ufffd" });
  expect(() => queryOf("http://h/p?k=%ff")).toThrow("query.k: not UTF-8");
});

test("ten thousand times the same parameter cost what they weigh", () => {
  const started = performance.now();
  expect(queryOf(`/?${"a=1&".repeat(20_000)}`)["a"]).toHaveLength(20_000);
  expect(performance.now() - started).toBeLessThan(500);
});

test("a replacement character that was sent is text; beside bytes that are not UTF-8 it hides nothing", () => {
  expect(queryOf("/?key=a%EF%BF%BDb")["key"]).toBe("a\ufffdb");
  for (const key of ["%ff", "%ff%ef%bf%bd", "%ff&x=%ef%bf%bd", "%e2%ef%bf%bd%82%ac"])
    expect(() => queryOf(`/?key=${key}`)).toThrow("not UTF-8");
});

test("a member too many or too few is told in plain words", () => {
  const schema = v.strictObject({ before: v.number() });
  expect(() => validate(schema, {}, "body")).toThrow("body.before: is missing.");
  expect(() => validate(schema, { before: 1, offset: 2 }, "body")).toThrow(
    "body.offset: there is no such field here.",
  );
  expect(() => validate(schema, { before: "x" }, "body")).toThrow("Expected number");
});
