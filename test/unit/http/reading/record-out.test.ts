/** Records as JSON text, in each form. */
import { expect, test } from "bun:test";
import {
  dataText,
  isLong,
  placeText,
  recordPieces,
  recordText,
} from "../../../../src/http/reading/record-out.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const binary = Uint8Array.of(0xff, 0x00);

test("data in each form", () => {
  const rows = [
    [null, "auto", null],
    [bytes("héé\n"), "auto", "héé\n"],
    [bytes("\ufeffx"), "auto", "\ufeffx"],
    [binary, "auto", { b64: "/wA=" }],
    [binary, "text", "\ufffd\0"],
    [bytes("a"), "b64", { b64: "YQ==" }],
    [bytes('{"a": [1, 2.5]}'), "json", { a: [1, 2.5] }],
    [bytes('{\n"a": 1}\n'), "json", { a: 1 }],
    [bytes("not json"), "json", "not json"],
    [bytes('"text"'), "json", "text"],
    [bytes("9007199254740991"), "json", 9007199254740991],
    [bytes("9007199254740993"), "json", "9007199254740993"],
    [bytes('{"id":12345678901234567890}'), "json", '{"id":12345678901234567890}'],
    [binary, "json", { b64: "/wA=" }],
    [bytes(""), "json", ""],
  ] as const;
  for (const [data, form, value] of rows) {
    const text = dataText(data, form);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).not.toMatch(/[\r\n]/);
  }
});

test("a record says everything on one line", () => {
  const record = {
    offset: 7,
    timestampMs: 1_700_000_000_000,
    key: bytes("k"),
    value: bytes('{"n":1}'),
    headers: [
      { name: "trace", value: bytes("1") },
      { name: "none", value: null },
    ],
  };
  const text = recordText(placeText("t", 3), record, "create", "json");
  expect(JSON.parse(text)).toEqual({
    topic: "t",
    partition: 3,
    offset: 7,
    timestamp: 1_700_000_000_000,
    timestamp_type: "create",
    key: "k",
    value: { n: 1 },
    headers: [
      ["trace", "1"],
      ["none", null],
    ],
  });
});

test("a long record says the same in pieces, none of which is long", () => {
  const forms = ["auto", "text", "json", "b64"] as const;
  const texts = ["x", '\u0001"\\', "\u00e9", "\u4e16", "\u{1f600}", "ab\u{1f600}\n\u00e9"];
  const values = texts.map((text) => bytes(text.repeat(Math.ceil(200_000 / text.length))));
  // Invalid at a piece's end, within it, and cut off in the midst of a character.
  for (const at of [48 * 1024 - 1, 48 * 1024, 100_000]) {
    const broken = bytes("x".repeat(150_000));
    broken[at] = 0xe4;
    values.push(broken);
  }
  values.push(bytes("\u4e16".repeat(60_000)).subarray(0, -1));
  values.push(bytes(`\ufeff${"y".repeat(70_000)}`));
  for (const value of values)
    for (const form of forms)
      for (const field of ["key", "value", "header"]) {
        const record = {
          offset: 7,
          timestampMs: 1,
          key: field === "key" ? value : null,
          value: field === "value" ? value : bytes("{}"),
          headers: [
            { name: "a", value: field === "header" ? value : null },
            { name: "b", value: bytes("1") },
          ],
        };
        expect(isLong(record)).toBe(true);
        const place = placeText("t", 3);
        const pieces = [...recordPieces(place, record, "create", form)];
        expect(pieces.join("") === recordText(place, record, "create", form)).toBe(true);
        if (form !== "json" || field !== "value")
          expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(6 * 48 * 1024 + 10);
      }
});
