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
  const schema = v.strictObject({ before: v.number(), after: v.optional(v.number()) });
  expect(() => validate(schema, {}, "body")).toThrow("body.before: is missing.");
  expect(() => validate(schema, { before: 1, offset: 2 }, "body")).toThrow(
    "body.offset: there is no such field here, only before, after.",
  );
  expect(() => validate(v.strictObject({}), { x: 1 }, "query")).toThrow(
    "query.x: there is no such field here, none at all.",
  );
  expect(() => validate(schema, { before: "x" }, "body")).toThrow("body.before: must be a number.");
});

test("the members there are are told wherever the object is", () => {
  const inner = v.strictObject({ topic: v.string(), offset: v.number() });
  const listed = v.strictObject({ list: v.pipe(v.array(inner), v.maxLength(2)) });
  expect(() => validate(listed, { list: [{ topic: "t", offset: 1, at: 2 }] }, "body")).toThrow(
    "body.list.0.at: there is no such field here, only topic, offset.",
  );
  const kinds = v.variant("op", [
    v.strictObject({ op: v.literal("a"), within: v.optional(inner) }),
    v.strictObject({ op: v.literal("b"), one: v.number() }),
  ]);
  expect(() => validate(kinds, { op: "b", one: 1, two: 2 }, "message")).toThrow("only op, one.");
  const deep = { op: "a", within: { topic: "t", offset: 1, x: 1 } };
  expect(() => validate(kinds, deep, "message")).toThrow("message.within.x: there is no such");
  expect(() => validate(kinds, deep, "message")).toThrow("only topic, offset.");
});

test("a list is no object, and what has another type is told in our words", () => {
  const inner = v.strictObject({ topic: v.optional(v.string()) });
  const schema = v.strictObject({ one: v.optional(inner), many: v.optional(v.array(inner)) });
  for (const list of [[], [1]])
    expect(() => validate(schema, list, "body")).toThrow("body: must be an object, not a list.");
  expect(() => validate(schema, { one: [7] }, "body")).toThrow(
    "body.one: must be an object, not a list.",
  );
  const wrong: [unknown, string][] = [
    [{ many: "live" }, "body.many: must be a list."],
    [{ one: "live" }, "body.one: must be an object."],
    [{ one: { topic: 1 } }, "body.one.topic: must be text."],
    ["text", "body: must be an object."],
    [null, "body: must be an object."],
  ];
  for (const [value, words] of wrong) expect(() => validate(schema, value, "body")).toThrow(words);
});
