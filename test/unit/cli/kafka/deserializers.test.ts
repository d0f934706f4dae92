/**
 * Deserializers of the console consumer: each value as Kafka's own console consumer prints it.
 */
import { expect, test } from "bun:test";
import { deserializer } from "../../../../src/cli/kafka/deserializers.ts";

const PACKAGE = "org.apache.kafka.common.serialization.";

function read(name: string, hex: string): string {
  const bytes = deserializer("value.deserializer", name)(Buffer.from(hex, "hex"));
  return new TextDecoder().decode(bytes);
}

function double(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return read(`${PACKAGE}DoubleDeserializer`, bytes.toString("hex"));
}

test("whole numbers, booleans, strings", () => {
  expect(read(`${PACKAGE}LongDeserializer`, "7fffffffffffffff")).toBe("9223372036854775807");
  expect(read("LongDeserializer", "ffffffffffffffff")).toBe("-1");
  expect(read("IntegerDeserializer", "80000000")).toBe("-2147483648");
  expect(read("ShortDeserializer", "0102")).toBe("258");
  expect(read("BooleanDeserializer", "01")).toBe("true");
  expect(read("StringDeserializer", "c3a9")).toBe("\u00e9");
});

test("broken numbers as Java writes them", () => {
  expect([0, -0, 1, 1.5, 0.001].map(double)).toEqual(["0.0", "-0.0", "1.0", "1.5", "0.001"]);
  expect([1e7, 1.25e-4, -1e300].map(double)).toEqual(["1.0E7", "1.25E-4", "-1.0E300"]);
  expect([NaN, Infinity].map(double)).toEqual(["NaN", "Infinity"]);
  expect(read("FloatDeserializer", "3dcccccd")).toBe("0.1");
  expect(read("FloatDeserializer", "4b800000")).toBe("1.6777216E7");
});

test("what is no such value, and a class that is not known, are told", () => {
  expect(() => read("LongDeserializer", "31")).toThrow(
    "Size of data received by LongDeserializer is not 8: it is 1. Leave value.deserializer out",
  );
  expect(() => deserializer("value.deserializer", "io.confluent.KafkaAvroDeserializer")).toThrow(
    /cannot be loaded here; of .* these are known: StringDeserializer, LongDeserializer/,
  );
});
