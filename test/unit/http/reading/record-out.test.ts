/** Records as JSON text, in each form. */
import { expect, test } from "bun:test";
import { dataText, placeText, recordText } from "../../../../src/http/reading/record-out.ts";

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
