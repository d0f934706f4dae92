/** Lines of JSON on their way in: a JSON value is the text that was written, whatever a double would make of it. */
import { expect, test } from "bun:test";
import { UsageError } from "../../../src/lib/setting.ts";
import { parseRecordJson } from "../../../src/cli/record-text.ts";

const valueOf = (json: string): unknown => parseRecordJson(`{"value":${json}}`).record.value;

test.each([
  '{"n":12345678901234567890,"m":[-9007199254740993,1.5]}',
  "9007199254740993",
  "0.1234567890123456789",
  '{"e":1e400}',
  '{"plain":[1,2.5,true,null,"12345678901234567890"]}',
])("the value %s is kept as it is", (json) => {
  expect(valueOf(json)).toBe(json);
  expect(valueOf(`{"json":${json}}`)).toBe(json);
});

test("a number too large is no partition and no time", () => {
  for (const field of ["partition", "timestamp"])
    expect(() => parseRecordJson(`{"value":"","${field}":12345678901234567890}`)).toThrow(
      UsageError,
    );
  expect(parseRecordJson('{"value":"","timestamp":1700000000000000}').record.timestamp).toBe(
    1_700_000_000_000_000,
  );
});
