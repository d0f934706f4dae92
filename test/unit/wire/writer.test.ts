import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Reader } from "../../../src/wire/reader.ts";
import { joined } from "../../../src/lib/bytes.ts";
import { Writer } from "../../../src/wire/writer.ts";

/** One thing to write, and how it is read back. */
interface Step {
  readonly value: unknown;
  write(writer: Writer): void;
  read(reader: Reader): unknown;
}

const text = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.string({ maxLength: 100, unit: "grapheme" }),
  fc.nat(10_000).map((length) => "ä".repeat(length)),
);
const data = fc.oneof(
  fc.uint8Array({ maxLength: 50 }),
  fc.nat(200_000).map((length) => new Uint8Array(length).fill(length)),
);
const steps: fc.Arbitrary<Step>[] = [
  fc.integer({ min: -128, max: 127 }).map((value) => ({
    value,
    write: (writer) => writer.int8(value),
    read: (reader) => reader.int8(),
  })),
  fc.nat(0xffff_ffff).map((value) => ({
    value,
    write: (writer) => writer.uvarint(value),
    read: (reader) => reader.uvarint(),
  })),
  fc.maxSafeInteger().map((value) => ({
    value,
    write: (writer) => writer.int64(value),
    read: (reader) => reader.int64(),
  })),
  text.map((value) => ({
    value,
    write: (writer) => writer.string(value),
    read: (reader) => reader.text(reader.int16()),
  })),
  text.map((value) => ({
    value,
    write: (writer) => writer.compactString(value),
    read: (reader) => reader.text(reader.compactLength()),
  })),
  data.map((value) => ({
    value,
    write: (writer) => writer.raw(value),
    read: (reader) => reader.view(value.length),
  })),
];

describe("writer and reader", () => {
  test("what is written is read, however large, however the buffer grew", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...steps), { maxLength: 40 }), fc.nat(64), (all, size) => {
        const writer = new Writer(size);
        for (const step of all) step.write(writer);
        const { length } = writer;
        const bytes = joined(writer.finish());
        expect(bytes).toHaveLength(length);
        const reader = new Reader(bytes);
        for (const step of all) expect(step.read(reader)).toEqual(step.value);
        reader.end();
      }),
      { numRuns: 200 },
    );
  });

  test("large byte fields are handed out as they are, small ones are copied", () => {
    const [small, large] = [new Uint8Array(10).fill(1), new Uint8Array(10_000).fill(2)];
    const writer = new Writer();
    writer.int32(0);
    writer.raw(small);
    writer.raw(large);
    writer.raw(small);
    const chunks = writer.finishFrame();
    expect(chunks.map((chunk) => chunk.length)).toEqual([14, 10_000, 10]);
    expect(chunks[1]).toBe(large);
    expect(new Reader(joined(chunks)).int32()).toBe(10_020);
  });

  test("a text that is too long for Kafka is refused, not cut", () => {
    const long = "a".repeat(0x8000);
    expect(() => new Writer().string(long)).toThrow("does not fit");
    expect(() => new Writer().compactString(long)).toThrow("does not fit");
    const longest = "a".repeat(0x7fff);
    const writer = new Writer();
    writer.string(longest);
    expect(writer.length).toBe(0x7fff + 2);
  });

  test("an integer that is not exact, or a UUID that is none, is a bug", () => {
    expect(() => new Writer().int64(2 ** 53)).toThrow("exact");
    expect(() => new Writer().uuid("AAAA")).toThrow("UUID");
  });

  test("bytes of a larger buffer are read at their own place", () => {
    const larger = Uint8Array.of(9, 9, 0, 0, 0, 5, 9);
    expect(new Reader(larger.subarray(2, 6)).int32()).toBe(5);
  });
});
