/** Variable-length integers: Kafka's examples, both ways for all, and what is refused. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  readVarint,
  readVarlong,
  varintBytes,
  varlongBytes,
  writeVarint,
  writeVarlong,
} from "../../../src/records/varint.ts";

const known: readonly [value: number, hex: string][] = [
  [0, "00"],
  [-1, "01"],
  [1, "02"],
  [63, "7e"],
  [-64, "7f"],
  [64, "8001"],
  [8191, "fe7f"],
  [-8192, "ff7f"],
  [2 ** 31 - 1, "feffffff0f"],
  [-(2 ** 31), "ffffffff0f"],
];
const knownLong: readonly [value: number, hex: string][] = [
  ...known,
  [2 ** 31, "8080808010"],
  [-(2 ** 31) - 1, "8180808010"],
  [1_700_000_000_000, "80a0abfef962"],
  [2 ** 52 - 1, "feffffffffffff0f"],
  [-(2 ** 52), "ffffffffffffff0f"],
];

function written(write: typeof writeVarint, value: number): Uint8Array {
  const target = new Uint8Array(12);
  return target.subarray(0, write(target, 0, value));
}

const cursorOf = (hex: string) => ({ bytes: new Uint8Array(Buffer.from(hex, "hex")), at: 0 });

for (const [value, hex] of known)
  test(`varint ${value} is ${hex}`, () => {
    expect(Buffer.from(written(writeVarint, value)).toString("hex")).toBe(hex);
    expect(varintBytes(value)).toBe(hex.length / 2);
    expect(readVarint(cursorOf(hex))).toBe(value);
  });

for (const [value, hex] of knownLong)
  test(`varlong ${value} is ${hex}`, () => {
    expect(Buffer.from(written(writeVarlong, value)).toString("hex")).toBe(hex);
    expect(varlongBytes(value)).toBe(hex.length / 2);
    expect(readVarlong(cursorOf(hex))).toBe(value);
  });

test("every integer comes back, and takes the bytes it was said to", () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const bytes = written(writeVarint, value);
      const cursor = { bytes, at: 0 };
      expect(readVarint(cursor)).toBe(value);
      expect([cursor.at, varintBytes(value)]).toEqual([bytes.length, bytes.length]);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }), (value) => {
      const bytes = written(writeVarlong, value);
      const cursor = { bytes, at: 0 };
      expect(readVarlong(cursor)).toBe(value);
      expect([cursor.at, varlongBytes(value)]).toEqual([bytes.length, bytes.length]);
    }),
  );
});

for (const hex of ["", "80", "ffffffff", "ffffffff10", "808080808000", "ffffffffffff"])
  test(`${hex || "nothing"} is no varint`, () => {
    expect(() => readVarint(cursorOf(hex))).toThrow(/end in the middle|more than 32 bits/);
  });

for (const hex of ["", "80", "ffffffffffffffff", "ffffffffffffffffff01", "80".repeat(10) + "01"])
  test(`${hex || "nothing"} is no varlong below 2^53`, () => {
    expect(() => readVarlong(cursorOf(hex))).toThrow(/end in the middle|beyond 2\^53/);
  });
