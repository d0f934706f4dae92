/**
 * Lines as records, as Kafka's LineMessageReader takes them (compared with it in kafka-spellings.interop.ts).
 */
import { expect, test } from "bun:test";
import { checkReaderClass, LineReader } from "../../../../src/cli/kafka/line-reader.ts";

const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);

function read(properties: Record<string, string>, ...lines: string[]) {
  const reader = new LineReader(new Map(Object.entries(properties)));
  return lines.map((line) => {
    const { key, value, headers } = reader.read(line);
    return [headers.map((each) => [each.name, text(each.value)]), text(key), text(value)];
  });
}

const headed = { "parse.headers": "true" };

test("a line is a value, and may have headers and a key before it", () => {
  expect(read({}, "a\tb")).toEqual([[[], null, "a\tb"]]);
  expect(read({ "parse.key": " TRUE " }, "k\tv\tw")).toEqual([[[], "k", "v\tw"]]);
  expect(read({ ...headed, "parse.key": "true" }, "h:1,g:2\tk\tv")).toEqual([
    [
      [
        ["h", "1"],
        ["g", "2"],
      ],
      "k",
      "v",
    ],
  ]);
});

test("what equals the marker is null", () => {
  const marked = { ...headed, "parse.key": "true", "null.marker": "N" };
  expect(read(marked, "N\tN\tN", "h:N\tk\tv")).toEqual([
    [[], null, null],
    [[["h", null]], "k", "v"],
  ]);
  expect(() => read(marked, "N:1\tk\tv")).toThrow("Header keys should not be equal to the null");
});

test("what a line lacks ends the reading with its number, or is passed over", () => {
  expect(() => read({ "parse.key": "true" }, "k\tv", "none")).toThrow(
    "No key separator found on line number 2: 'none'",
  );
  expect(() => read(headed, "h\tv")).toThrow(
    "No header key separator found in pair 'h' on line number 1",
  );
  expect(() => read(headed, "\tv")).toThrow("in pair '' on line number 1");
  const lenient = { ...headed, "parse.key": "true", "ignore.error": "true" };
  expect(read(lenient, "none", "h\tv")).toEqual([
    [[], null, "none"],
    [[["h", null]], null, "v"],
  ]);
});

test("separators that cannot be told apart are refused", () => {
  expect(() => read({ "headers.separator": ":" })).toThrow(
    "headers.separator and headers.key.separator may not be equal",
  );
  expect(() => read({ "null.marker": "," })).toThrow(
    "null.marker and headers.separator may not be equal",
  );
});

test("a reader that would be loaded is refused", () => {
  checkReaderClass("org.apache.kafka.tools.LineMessageReader");
  expect(() => checkReaderClass("com.example.Reader")).toThrow(
    "--line-reader com.example.Reader cannot be loaded here",
  );
});
