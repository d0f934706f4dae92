/**
 * Records as Kafka's console consumer shows them (compared with it in kafka-spellings.interop.ts).
 */
import { expect, test } from "bun:test";
import { formatterOf } from "../../../../src/cli/kafka/formatter.ts";

const DEFAULT = "org.apache.kafka.tools.consumer.DefaultMessageFormatter";
const utf8 = new TextEncoder();

function shown(properties: Record<string, string>, name = DEFAULT): string {
  const record = {
    offset: 7,
    timestampMs: 5,
    key: utf8.encode("k"),
    value: utf8.encode("v"),
    headers: [{ name: "h", value: null }],
  };
  const format = formatterOf(name, new Map(Object.entries(properties)));
  const bytes = format({ topic: "t", partition: 3, record, timestampType: "create" });
  return new TextDecoder().decode(bytes);
}

const on = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [`print.${name}`, "true"]));

test("columns come in Kafka's order, separated, and a line ends", () => {
  expect(shown({})).toBe("v\n");
  expect(shown(on("key", "headers", "offset", "partition", "timestamp", "epoch", "delivery"))).toBe(
    "CreateTime:5\tPartition:3\tOffset:7\tDelivery:NOT_PRESENT\tEpoch:NOT_PRESENT\th:null\tk\tv\n",
  );
  expect(shown({ ...on("key"), "print.value": "false" })).toBe("k\n");
});

test("nothing to show is no line", () => {
  expect(shown({ "print.value": "false" })).toBe("");
  expect(shown(on("key"), "org.apache.kafka.tools.consumer.NoOpMessageFormatter")).toBe("");
});

test("separators are taken as they are", () => {
  expect(shown({ ...on("key"), "key.separator": "\\t", "line.separator": ";" })).toBe("k\\tv;");
});

test("a formatter that would be loaded is refused", () => {
  expect(shown({}, "kafka.tools.LoggingMessageFormatter")).toBe("v\n");
  expect(() => shown({}, "com.example.Formatter")).toThrow(
    "--formatter com.example.Formatter cannot be loaded here",
  );
});
