/**
 * Turns declared fields into the decoder and encoder of one version: closures made once, without a look at versions after.
 *
 * - A struct decodes into a copy of its defaults, so that all of one kind have the same form, whatever the version lacks.
 * - Unknown tagged fields are skipped; a known one must have exactly the size that it claims.
 */
import type { Int64 } from "../lib/int64.ts";
import { assert } from "../lib/assert.ts";
import { defaultOf, isDefault } from "./defaults.ts";
import { arrayInSteps, type InSteps, plainInSteps, taggedInSteps } from "./long-codec.ts";
import { malformed } from "./malformed.ts";
import type { Reader } from "./reader.ts";
import type { Fields, RecordsIn, Shape } from "./schema.ts";
import { holdsVersion } from "./versions.ts";
import { Writer } from "./writer.ts";

/** Methods on purpose: a codec of numbers is a codec of a field whose type only the declaration knows. */
export interface Codec<T> {
  /** The fewest bytes that a value takes. */
  readonly bytesMin: number;
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
  /** The same in steps; only what holds arrays may be long. */
  readonly inSteps?: InSteps<T>;
}

/** One version of a message, and whether that version is a flexible one. */
export interface Edition {
  readonly version: number;
  readonly flexible: boolean;
}

export interface Member {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly fallback: unknown;
}

interface TaggedMember extends Member {
  readonly tag: number;
  readonly isDefault: (value: unknown) => boolean;
}

/** What encoding must find at its default, since the version cannot say it. */
interface Absent {
  readonly name: string;
  readonly isDefault: (value: unknown) => boolean;
}

export type Values = Record<string, unknown>;

export function structCodec(fields: Fields, edition: Edition): Codec<Values> {
  const { version, flexible } = edition;
  const defaults: Values = {};
  const members: Member[] = [];
  const tagged: TaggedMember[] = [];
  const absent: Absent[] = [];
  for (const [name, shape] of Object.entries(fields)) {
    const fallback = defaultOf(shape);
    const same = isDefault(shape);
    defaults[name] = fallback;
    if (!holdsVersion(shape.versions, version)) {
      if (!shape.ignorable) absent.push({ name, isDefault: same });
      continue;
    }
    const member = { name, fallback, codec: fieldCodec(shape, edition) };
    if (!holdsVersion(shape.tagged, version)) members.push(member);
    else tagged.push({ ...member, tag: shape.tag, isDefault: same });
  }
  tagged.sort((one, other) => one.tag - other.tag);
  const codec = plainCodec(members, defaults, absent, version);
  if (flexible) return withTags(codec, tagged);
  assert(tagged.length === 0, "tagged fields are in flexible versions only");
  return codec;
}

function plainCodec(
  members: readonly Member[],
  defaults: Values,
  absent: readonly Absent[],
  version: number,
): Codec<Values> {
  const checkAbsent = (values: Values): void => {
    for (const { name, isDefault } of absent)
      assert(isDefault(values[name]), `"${name}" is not said in version ${version}`);
  };
  const inSteps = plainInSteps(members, defaults, checkAbsent);
  return {
    bytesMin: members.reduce((sum, { codec }) => sum + codec.bytesMin, 0),
    ...(inSteps && { inSteps }),
    read(reader) {
      const values = { ...defaults };
      for (const { name, codec } of members) values[name] = codec.read(reader);
      return values;
    },
    write(writer, values) {
      checkAbsent(values);
      for (const { name, codec, fallback } of members) {
        const value = values[name];
        codec.write(writer, value === undefined ? fallback : value);
      }
    },
  };
}

function withTags(plain: Codec<Values>, tagged: readonly TaggedMember[]): Codec<Values> {
  const byTag = new Map(tagged.map((member) => [member.tag, member]));
  const readTags = (reader: Reader, values: Values): void => {
    const count = reader.uvarint();
    if (count > 0) readTagged(reader, reader.count(count, 2), byTag, values);
  };
  const writeTags = (writer: Writer, values: Values): void => {
    if (tagged.length === 0) return writer.uvarint(0);
    const said = tagged.filter(({ name, isDefault }) => !isDefault(values[name]));
    writer.uvarint(said.length);
    for (const { tag, name, codec } of said) {
      const content = new Writer(64);
      codec.write(content, values[name]);
      writer.uvarint(tag);
      writer.uvarint(content.length);
      writer.append(content);
    }
  };
  return {
    bytesMin: plain.bytesMin + 1,
    ...(plain.inSteps && { inSteps: taggedInSteps(plain.inSteps, readTags, writeTags) }),
    read(reader) {
      const values = plain.read(reader);
      readTags(reader, values);
      return values;
    },
    write(writer, values) {
      plain.write(writer, values);
      writeTags(writer, values);
    },
  };
}

function readTagged(
  reader: Reader,
  count: number,
  byTag: ReadonlyMap<number, TaggedMember>,
  values: Values,
): void {
  for (let index = 0; index < count; index += 1) {
    const member = byTag.get(reader.uvarint());
    const size = reader.uvarint();
    const end = reader.at + size;
    if (!member || size > reader.remaining) {
      reader.take(size);
      continue;
    }
    values[member.name] = member.codec.read(reader);
    if (reader.at !== end) throw malformed("A tagged field has another size than it claims.");
  }
}

function fieldCodec(shape: Shape, edition: Edition): Codec<unknown> {
  const { kind, element, fields } = shape;
  const nullable = holdsVersion(shape.nullable, edition.version);
  const { flexible } = edition;
  if (element) return arrayCodec(fieldCodec(element, edition), flexible, nullable);
  if (fields) {
    const codec = structCodec(fields, edition);
    return nullable ? nullableStruct(codec) : codec;
  }
  if (kind === "string") return stringCodec(flexible, nullable);
  if (kind === "bytes" || kind === "records") return bytesCodec(flexible, nullable);
  assert(kind !== "array" && kind !== "struct", "arrays have an element, structs have fields");
  return fixed[kind];
}

/** The kinds whose size is always the same. */
const fixed: Readonly<
  Record<
    Exclude<Shape["kind"], "string" | "bytes" | "records" | "array" | "struct">,
    Codec<unknown>
  >
> = {
  int8: codec<number>(
    1,
    (reader) => reader.int8(),
    (writer, value) => writer.int8(value),
  ),
  int16: codec<number>(
    2,
    (reader) => reader.int16(),
    (writer, value) => writer.int16(value),
  ),
  uint16: codec<number>(
    2,
    (reader) => reader.uint16(),
    (writer, value) => writer.uint16(value),
  ),
  int32: codec<number>(
    4,
    (reader) => reader.int32(),
    (writer, value) => writer.int32(value),
  ),
  uint32: codec<number>(
    4,
    (reader) => reader.uint32(),
    (writer, value) => writer.uint32(value),
  ),
  int64: codec<number>(
    8,
    (reader) => reader.int64(),
    (writer, value) => writer.int64(value),
  ),
  int64Big: codec<bigint>(
    8,
    (reader) => reader.int64Big(),
    (writer, value) => writer.int64Big(value),
  ),
  int64Exact: codec<Int64>(
    8,
    (reader) => reader.int64Exact(),
    (writer, value) => writer.int64Exact(value),
  ),
  float64: codec<number>(
    8,
    (reader) => reader.float64(),
    (writer, value) => writer.float64(value),
  ),
  bool: codec<boolean>(
    1,
    (reader) => reader.bool(),
    (writer, value) => writer.bool(value),
  ),
  uuid: codec<string>(
    16,
    (reader) => reader.uuid(),
    (writer, value) => writer.uuid(value),
  ),
};

function codec<T>(
  bytesMin: number,
  read: (reader: Reader) => T,
  write: (writer: Writer, value: T) => void,
): Codec<T> {
  return { bytesMin, read, write };
}

function stringCodec(flexible: boolean, nullable: boolean): Codec<string | null> {
  return {
    bytesMin: flexible ? 1 : 2,
    read(reader) {
      const length = flexible ? reader.compactLength() : reader.int16();
      if (length === -1) return absence(nullable, "string");
      return reader.text(length);
    },
    write(writer, value) {
      if (value === null) {
        assertNullable(nullable, "string");
        return flexible ? writer.uvarint(0) : writer.int16(-1);
      }
      return flexible ? writer.compactString(value) : writer.string(value);
    },
  };
}

function bytesCodec(flexible: boolean, nullable: boolean): Codec<RecordsIn | null> {
  return {
    bytesMin: flexible ? 1 : 4,
    read(reader) {
      const length = flexible ? reader.compactLength() : reader.int32();
      if (length === -1) return absence(nullable, "byte field");
      return reader.view(length);
    },
    write(writer, value) {
      if (value === null) {
        assertNullable(nullable, "byte field");
        return flexible ? writer.uvarint(0) : writer.int32(-1);
      }
      const parts = value instanceof Uint8Array ? [value] : value;
      let length = 0;
      for (const part of parts) length += part.length;
      if (flexible) writer.uvarint(length + 1);
      else writer.int32(length);
      for (const part of parts) writer.raw(part);
    },
  };
}

function arrayCodec(
  element: Codec<unknown>,
  flexible: boolean,
  nullable: boolean,
): Codec<readonly unknown[] | null> {
  const readCount = (reader: Reader): number | null => {
    const length = flexible ? reader.compactLength() : reader.int32();
    if (length === -1) return absence(nullable, "array");
    return reader.count(length, element.bytesMin);
  };
  const writeCount = (writer: Writer, values: readonly unknown[] | null): void => {
    if (values === null) {
      assertNullable(nullable, "array");
      return flexible ? writer.uvarint(0) : writer.int32(-1);
    }
    writer.count(values.length);
    return flexible ? writer.uvarint(values.length + 1) : writer.int32(values.length);
  };
  return {
    bytesMin: flexible ? 1 : 4,
    inSteps: arrayInSteps(element, readCount, writeCount),
    read(reader) {
      const count = readCount(reader);
      if (count === null) return null;
      const values: unknown[] = [];
      for (let index = 0; index < count; index += 1) values.push(element.read(reader));
      return values;
    },
    write(writer, values) {
      writeCount(writer, values);
      for (const value of values ?? []) element.write(writer, value);
    },
  };
}

function nullableStruct(plain: Codec<Values>): Codec<Values | null> {
  return {
    bytesMin: 1,
    read: (reader) => (reader.int8() < 0 ? null : plain.read(reader)),
    write(writer, value) {
      writer.int8(value === null ? -1 : 1);
      if (value !== null) plain.write(writer, value);
    },
  };
}

function absence(nullable: boolean, what: string): null {
  if (!nullable) throw malformed(`A ${what} that cannot be null is null.`);
  return null;
}

function assertNullable(nullable: boolean, what: string): void {
  assert(nullable, `a null ${what} is only written where the version allows it`);
}
