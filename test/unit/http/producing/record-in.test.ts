/** The hand-written reader of records takes exactly what the documented schema takes. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import * as v from "valibot";
import { recordOf } from "../../../../src/http/producing/record-in.ts";
import { recordIn } from "../../../../src/http/schema/record.ts";

const decoder = new TextDecoder();
const textOf = (bytes: Uint8Array | null | undefined) => (bytes ? decoder.decode(bytes) : bytes);

const accepted: [string, unknown, string | null][] = [
  ["text", "höi", "höi"],
  ["empty text", "", ""],
  ["a NUL", "a\0b", "a\0b"],
  ["an object", { json: { n: 1, s: "x" } }, '{"n":1,"s":"x"}'],
  ["JSON null", { json: null }, "null"],
  ["a lone surrogate inside JSON is escaped", { json: "\ud800" }, '"\\ud800"'],
  ["bytes", { b64: "aGk=" }, "hi"],
  ["bytes without padding", { b64: "aGk" }, "hi"],
  ["a tombstone", null, null],
];
for (const [name, value, text] of accepted)
  test(`value: ${name}`, () => {
    expect(textOf(recordOf({ value }, "r").record.value)).toBe(text);
    expect(textOf(recordOf({ value: "", key: value }, "r").record.key)).toBe(text);
  });

const refused: [string, unknown, string][] = [
  ["no object", 7, "r: must be a record"],
  ["a list", [], "r: must be a record"],
  ["no value", { key: "k" }, "r.value: is missing"],
  ["a bare number", { value: 7 }, "r.value: must be text"],
  ["a bare object", { value: { n: 1 } }, 'r.value: must have exactly one member, "json" or "b64"'],
  ["both", { value: { json: 1, b64: "" } }, "exactly one"],
  ["a lone surrogate", { value: "\udfff" }, "lone surrogate"],
  ["no base64", { value: { b64: "%" } }, "r.value.b64: is not base64"],
  ["an unknown member", { value: "", valeu: 1 }, 'unknown member "valeu"'],
  ["a fractional timestamp", { value: "", timestamp: 1.5 }, "r.timestamp"],
  ["a timestamp below zero", { value: "", timestamp: -1 }, "r.timestamp"],
  ["a partition below zero", { value: "", partition: -1 }, "r.partition"],
  ["a huge partition", { value: "", partition: 2 ** 31 }, "r.partition"],
  ["headers as an object", { value: "", headers: { a: "b" } }, "r.headers: must be a list"],
  ["a header of three", { value: "", headers: [["a", "b", "c"]] }, "r.headers.0"],
  ["a header of a number", { value: "", headers: [["a", 1]] }, "r.headers.0.1"],
];
for (const [name, record, words] of refused)
  test(`refused: ${name}`, () => {
    expect(() => recordOf(record, "r")).toThrow(words);
    expect(v.safeParse(recordIn, record).success).toBe(false);
  });

test("reader and schema agree on whatever comes", () => {
  const data = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    }),
    fc.constant(null),
    fc.record({ json: fc.jsonValue() }),
    fc.record({ b64: fc.oneof(fc.base64String(), fc.string()) }),
    fc.jsonValue(),
  );
  const number = fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger());
  const record = fc.record(
    {
      value: data,
      key: data,
      headers: fc.array(fc.oneof(fc.tuple(fc.string(), data), fc.jsonValue())),
      timestamp: number,
      partition: number,
      extra: fc.constant(1),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(record, fc.jsonValue()), (value) => {
      let taken = true;
      try {
        recordOf(value, "r");
      } catch {
        taken = false;
      }
      expect(v.safeParse(recordIn, value).success).toBe(taken);
    }),
    { numRuns: 2_000 },
  );
});
