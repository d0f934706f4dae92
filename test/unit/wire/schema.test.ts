/**
 * The notation of messages: bytes of each kind of field, versions and defaults, tagged fields, and bytes that lie.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import { type Message, message } from "../../../src/wire/message.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { defineRecord, recordType } from "../../../src/wire/record-schema.ts";
import {
  type Encodable,
  type Field,
  type Fields,
  array,
  bool,
  bytes,
  float64,
  int16,
  int32,
  int64,
  int8,
  records,
  string,
  struct,
  uint16,
  uint32,
  uuid,
} from "../../../src/wire/schema.ts";
import { zeroUuid } from "../../../src/wire/uuid.ts";
import { parseVersions } from "../../../src/wire/versions.ts";
import { joined } from "../../../src/lib/bytes.ts";
import { Writer } from "../../../src/wire/writer.ts";

/** For a busy machine. */
setDefaultTimeout(30_000);

function declare<F extends Fields>(fields: F): Message<F> {
  return message(fields, parseVersions("0-9"), parseVersions("5+"));
}

function encode<F extends Fields>(of: Message<F>, version: number, value: Encodable<F>) {
  const writer = new Writer();
  of.encode(writer, version, value);
  return joined(writer.finish());
}

function decode<F extends Fields>(of: Message<F>, version: number, hex: string | Uint8Array) {
  const bytes = typeof hex === "string" ? Buffer.from(unspaced(hex), "hex") : hex;
  return of.decode(new Reader(bytes), version);
}

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
/** Hex digits that are grouped for the reader. */
const unspaced = (digits: string) => digits.replaceAll("_", "");

describe("one field of each kind, plain and flexible", () => {
  const nullable = { nullable: "0+" } as const;
  /** The value, and its bytes plain and flexible; those of a fixed size differ by the count of tagged fields alone. */
  const cases: readonly (readonly [string, Field<unknown>, unknown, string, string?])[] = [
    ["int8", int8(), -2, "fe"],
    ["int16", int16(), -2, "fffe"],
    ["uint16", uint16(), 65_535, "ffff"],
    ["int32", int32(), 258, "00000102"],
    ["uint32", uint32(), 4_294_967_295, "ffffffff"],
    ["int64", int64(), -2, "fffffffffffffffe"],
    ["bigint", int64({ big: true }), 2n ** 62n, "4000000000000000"],
    ["float64", float64(), 1.5, "3ff8000000000000"],
    ["bool", bool(), true, "01"],
    ["uuid", uuid(), "AAECAwQFBgcICQoLDA0ODw", "000102030405060708090a0b0c0d0e0f"],
    ["no uuid", uuid(), zeroUuid, "00".repeat(16)],
    ["string", string(), "zoë", "00047a6fc3ab", "057a6fc3ab_00"],
    ["no string", string(nullable), null, "ffff", "00_00"],
    ["bytes", bytes(), Uint8Array.of(1), "0000000101", "0201_00"],
    ["records", records(nullable), null, "ffffffff", "00_00"],
    ["array", array(int16()), [1, 2], "0000000200010002", "0300010002_00"],
    ["no array", array(int16(), nullable), null, "ffffffff", "00_00"],
    ["structs", array({ b: int8() }), [{ b: 7 }], "0000000107", "020700_00"],
    ["struct", struct({ b: int8() }), { b: 7 }, "07", "0700_00"],
    ["some struct", struct({ b: int8() }, nullable), { b: 7 }, "0107", "010700_00"],
    ["no struct", struct({ b: int8() }, nullable), null, "ff", "ff_00"],
  ];
  test.each(cases)("%s", (_name, field, value, plain, flexible = `${plain}_00`) => {
    const of: Message<Fields> = declare<Fields>({ field });
    expect(hex(encode(of, 0, { field: value }))).toBe(plain);
    expect(hex(encode(of, 5, { field: value }))).toBe(unspaced(flexible));
    expect(decode(of, 0, plain)).toEqual({ field: value });
    expect(decode(of, 5, flexible)).toEqual({ field: value });
  });
});

describe("versions", () => {
  const of = declare({
    always: int8(),
    late: int32({ versions: "3+", default: -1 }),
    early: string({ versions: "0-2", ignorable: true }),
    ids: array(int32(), { versions: "6+" }),
    place: struct({ x: int32({ default: 4 }) }, { versions: "7+" }),
  });
  const early = { always: 1, early: "e", ids: [], place: {} };

  test("a field that the version lacks has its default", () => {
    expect(decode(of, 0, "01000165")).toEqual({ ...early, late: -1, place: { x: 4 } });
  });

  test("a value that cannot be said is a bug, unless it may be ignored or is the default", () => {
    expect(hex(encode(of, 0, { ...early, late: -1 }))).toBe("01000165");
    expect(hex(encode(of, 3, early))).toBe("01ffffffff");
    expect(() => encode(of, 0, { ...early, late: 2 })).toThrow("late");
    expect(() => encode(of, 3, { ...early, ids: [1] })).toThrow("ids");
    expect(() => encode(of, 3, { ...early, place: { x: 5 } })).toThrow("place");
    expect(() => encode(of, 10, early)).toThrow("version 10");
  });

  test("null is written only where the version allows it", () => {
    const of = declare({ a: string({ nullable: "2+" }) });
    expect(() => encode(of, 1, { a: null })).toThrow("null");
    expect(() => decode(of, 1, "ffff")).toThrow("null");
    expect(decode(of, 2, "ffff")).toEqual({ a: null });
  });
});

describe("tagged fields", () => {
  const of = declare({
    epoch: int64({ versions: "5+", tag: 1, default: -1 }),
    name: string({ versions: "5+", tag: 0, nullable: "5+", default: null }),
    leader: struct({ id: int32({ default: -1 }) }, { versions: "5+", tag: 2 }),
    both: int8({ versions: "0+", tag: 3, tagged: "5+" }),
  });

  test("only what differs from its default is written, by rising tags", () => {
    expect(hex(encode(of, 5, {}))).toBe("00");
    expect(hex(encode(of, 5, { leader: { id: -1 }, epoch: -1 }))).toBe("00");
    const said = { epoch: 1, name: "n", leader: { id: 2 } };
    const bytes = encode(of, 5, said);
    expect(hex(bytes)).toBe(unspaced("03_0002026e_01080000000000000001_02050000000200"));
    expect(decode(of, 5, bytes)).toEqual({ ...said, both: 0 });
  });

  test("a field may be plain before it is tagged", () => {
    expect(hex(encode(of, 0, { both: 1 }))).toBe("01");
    expect(hex(encode(of, 5, { both: 1 }))).toBe("01030101");
  });

  test("unknown ones are skipped", () => {
    expect(decode(of, 5, "02_0902abcd_01080000000000000001").epoch).toBe(1);
  });

  test("a tag that lies about its size is refused", () => {
    expect(() => decode(of, 5, "01_01090000000000000001")).toThrow();
    expect(() => decode(of, 5, "01_0109000000000000000100")).toThrow("another size");
    expect(() => decode(of, 5, "01_0907abcd")).toThrow("too early");
  });
});

const row = {
  id: uuid(),
  name: string({ nullable: "0+" }),
  at: int64(),
  data: bytes({ nullable: "0+" }),
  list: array(string()),
  tagged: int32({ versions: "5+", tag: 4, default: 3, ignorable: true }),
};
const table = declare({ rows: array(row), producer: int64({ big: true }) });
const anyRow = fc.record({
  id: fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((id) => id.toBase64({ alphabet: "base64url", omitPadding: true })),
  name: fc.option(fc.string({ maxLength: 100, unit: "grapheme" })),
  at: fc.maxSafeInteger(),
  data: fc.option(fc.uint8Array({ maxLength: 300 })),
  list: fc.array(fc.string({ maxLength: 60, unit: "binary" }), { maxLength: 5 }),
  tagged: fc.constant(3),
});
const anyTable = fc.record({
  rows: fc.array(anyRow, { maxLength: 6 }),
  producer: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
});

describe("hostile bytes", () => {
  test("whatever is cut off or altered is refused or decoded, never anything else", () => {
    fc.assert(
      fc.property(
        anyTable,
        fc.constantFrom(0, 5),
        fc.nat(),
        fc.nat(255),
        (value, version, place, byte) => {
          const bytes = encode(table, version, value);
          expect(decode(table, version, bytes)).toEqual(value);
          for (let end = 0; end < bytes.length; end += 1)
            expect(() => decode(table, version, bytes.subarray(0, end))).toThrow();
          expect(() => decode(table, version, joined([bytes, Uint8Array.of(0)]))).toThrow(
            "before its frame",
          );
          const mutant = bytes.slice();
          mutant[place % mutant.length] = byte;
          try {
            decode(table, version, mutant);
          } catch (error) {
            expect(error).toMatchObject({ code: "invalid_request" });
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  const lies = [
    ["an array of 2^31-1", { a: array(int8()) }, 0, "7fffffff00"],
    ["a negative array", { a: array(int8()) }, 0, "fffffffe00"],
    ["a compact array of 2^32-2", { a: array(int8()) }, 5, "ffffffff0f00"],
    [
      "an array with too few bytes for its elements",
      { a: array(int64()) },
      0,
      "0000000200000000000000000000",
    ],
    ["bytes of 2^31-1", { a: bytes() }, 0, "7fffffff00"],
    ["negative bytes", { a: bytes() }, 0, "80000000"],
    ["a string longer than its message", { a: string() }, 0, "000361"],
    ["a negative string", { a: string() }, 0, "fffe61"],
    ["a compact string beyond int16", { a: string() }, 5, `818002${"61".repeat(32_768)}00`],
    ["a string that is not UTF-8", { a: string() }, 0, "0001ff"],
    ["an overlong form of UTF-8", { a: string() }, 0, "0002c080"],
    ["a varint without an end", { a: string() }, 5, "ffffffffffff"],
    ["an int64 beyond 2^53", { a: int64() }, 0, "0020000000000000"],
  ] as const;
  for (const [name, fields, version, bytes] of lies)
    test(`${name} is refused`, () => {
      const of: Message<Fields> = declare<Fields>(fields);
      expect(() => decode(of, version, bytes)).toThrow(
        expect.objectContaining({ code: "invalid_request" }),
      );
    });

  test("an int64 beyond 2^53 is the nearest exact one, where the reader is told so", () => {
    const of = declare({ a: int64(), b: int64() });
    const longs = Buffer.from("7fffffffffffffff8000000000000000", "hex");
    expect(of.decode(new Reader(longs, { nearest: true }), 0)).toEqual({
      a: Number.MAX_SAFE_INTEGER,
      b: Number.MIN_SAFE_INTEGER,
    });
  });

  test("elements are bounded over all arrays together", () => {
    const of = declare({ a: array(array(int8())) });
    const bytes = encode(of, 5, { a: Array.from({ length: 100 }, () => [1, 2, 3]) });
    expect(of.decode(new Reader(bytes, { elementsMax: 400 }), 5).a).toHaveLength(100);
    expect(() => of.decode(new Reader(bytes, { elementsMax: 399 }), 5)).toThrow("elements");
  });
});

describe("records of internal topics", () => {
  const schema = defineRecord({
    type: 1,
    name: "OffsetCommit",
    versions: "1-4",
    flexible: "4+",
    key: { group: string(), partition: int32() },
    value: { offset: int64(), metadata: string() },
  });

  test("key and value begin with type and version", () => {
    const key = schema.encodeKey({ group: "g", partition: 2 });
    expect(hex(key)).toBe(unspaced("0001_000167_00000002"));
    expect(recordType(key)).toBe(1);
    expect(schema.decodeKey(key)).toEqual({ group: "g", partition: 2 });
    const value = { offset: 5, metadata: "m" };
    expect(hex(schema.encodeValue(value, 1))).toBe(unspaced("0001_0000000000000005_00016d"));
    expect(hex(schema.encodeValue(value, 4))).toBe(unspaced("0004_0000000000000005_026d_00"));
    for (const version of [1, 4])
      expect(schema.decodeValue(schema.encodeValue(value, version))).toEqual(value);
  });

  test("another type, an unknown version and damage are refused", () => {
    expect(() => schema.decodeKey(Uint8Array.of(0, 2))).toThrow("OffsetCommit");
    expect(() => schema.decodeValue(Uint8Array.of(0, 5))).toThrow("version 5");
    expect(() => schema.decodeValue(Uint8Array.of(0, 4, 1))).toThrow("early");
    expect(() => recordType(Uint8Array.of(0))).toThrow();
  });
});
