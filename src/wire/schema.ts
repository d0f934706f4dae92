/**
 * Kafka's message notation as declarations: fields with their types, versions and defaults, in the order of the wire. One
 * declaration gives the decoder, the encoder (`message.ts`) and the TypeScript types of what comes out and what goes in.
 *
 *     const partition = { index: int32(), leaderEpoch: int32({ versions: "7+", default: -1, ignorable: true }) };
 *     const topics = array({ name: string(), partitions: array(partition) });
 *
 * - `versions` (all, unless said) are those that have the field; elsewhere decoding gives its default, and encoding drops an
 *   `ignorable` one but takes any other value than the default for a bug.
 * - `nullable` and `tagged` are the versions in which it may be null, and in which it is one of the tagged fields at the end
 *   of its struct (by `tag`; wherever it is present, unless said). Tagged fields are only written when they differ from
 *   their default.
 * - The default is 0, false, "", no bytes, no elements, or the struct of defaults, unless said. A field with a default of its
 *   own or a tag may be left out of what is encoded.
 * - int64 is a number (exact below 2^53; the reader says what is done beyond) unless `big` or `exact`; a UUID is 22 characters of base64url;
 *   bytes and records come out as views on the frame, and `records` go in as one view or several that follow each other.
 */
import type { Int64 } from "../lib/int64.ts";
import { zeroUuid } from "./uuid.ts";
import { type VersionRange, noVersions, parseVersions } from "./versions.ts";

export type Kind =
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "int64Big"
  | "int64Exact"
  | "float64"
  | "bool"
  | "uuid"
  | "string"
  | "bytes"
  | "records"
  | "array"
  | "struct";

/** A field as the codec sees it. */
export interface Shape {
  readonly kind: Kind;
  readonly versions: VersionRange;
  readonly nullable: VersionRange;
  /** Versions in which the field is tagged; none without a tag. */
  readonly tagged: VersionRange;
  readonly tag: number;
  readonly ignorable: boolean;
  /** Undefined for a struct that has no default of its own: its fields' defaults. */
  readonly fallback: unknown;
  /** What an array holds. */
  readonly element: Shape | null;
  /** What a struct holds. */
  readonly fields: Fields | null;
}

/** A field with the types of what is decoded and what may be encoded; `types` is never there, it carries them. */
export interface Field<Out, In = Out, Optional extends boolean = boolean> extends Shape {
  readonly types?: { readonly out: Out; readonly in: In; readonly optional: Optional };
}

/** The fields of a struct or message, in the order of the wire. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

type Types<F> = F extends { readonly types?: infer T } ? NonNullable<T> : never;
type Out<F> = Types<F> extends { readonly out: infer O } ? O : never;
type In<F> = Types<F> extends { readonly in: infer I } ? I : never;
type OptionalNames<F> = {
  [K in keyof F]: Types<F[K]> extends { readonly optional: true } ? K : never;
}[keyof F];

/** What decoding gives: every field, with its default where the version lacks it. */
export type Decoded<F> = { readonly [K in keyof F]: Out<F[K]> };
/** What may be encoded: fields with a default of their own may be left out. */
export type Encodable<F> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: In<F[K]>;
} & { readonly [K in OptionalNames<F>]?: In<F[K]> | undefined };

export interface FieldOptions<T> {
  readonly versions?: string;
  readonly nullable?: string;
  readonly default?: T | null;
  readonly tag?: number;
  readonly tagged?: string;
  readonly ignorable?: boolean;
}

type Nulled<T, O> = O extends { readonly nullable: string } ? T | null : T;
type IsOptional<O> = O extends { readonly default: unknown } | { readonly tag: number }
  ? true
  : false;
type Typed<T, O, Input = T> = Field<Nulled<T, O>, Nulled<Input, O>, IsOptional<O>>;

type BigOptions = FieldOptions<bigint> & { readonly big: true };
type ExactOptions = FieldOptions<number> & { readonly exact: true };
type Integer<O> = [O] extends [{ readonly big: true }]
  ? bigint
  : [O] extends [{ readonly exact: true }]
    ? Int64
    : number;
/** Records go in as one run of bytes or several, which are written one behind the other. */
export type RecordsIn = Uint8Array | readonly Uint8Array[];

const noBytes = new Uint8Array();
const noElements: readonly never[] = Object.freeze([]);

export function int8<const O extends FieldOptions<number>>(options?: O): Typed<number, O> {
  return shape("int8", 0, options);
}

export function int16<const O extends FieldOptions<number>>(options?: O): Typed<number, O> {
  return shape("int16", 0, options);
}

export function uint16<const O extends FieldOptions<number>>(options?: O): Typed<number, O> {
  return shape("uint16", 0, options);
}

export function int32<const O extends FieldOptions<number>>(options?: O): Typed<number, O> {
  return shape("int32", 0, options);
}

export function uint32<const O extends FieldOptions<number>>(options?: O): Typed<number, O> {
  return shape("uint32", 0, options);
}

/** A number; a bigint where `big`: for ids that use all 64 bits; a bigint beyond 2^53 alone where `exact`. */
export function int64<
  const O extends FieldOptions<number> | BigOptions | ExactOptions = FieldOptions<number>,
>(options?: O): Typed<Integer<O>, O> {
  const big = options !== undefined && "big" in options;
  if (options !== undefined && "exact" in options) return shape("int64Exact", 0, options);
  return big ? shape("int64Big", 0n, options) : shape("int64", 0, options);
}

export function float64<const O extends FieldOptions<number>>(options?: O): Typed<number, O> {
  return shape("float64", 0, options);
}

export function bool<const O extends FieldOptions<boolean>>(options?: O): Typed<boolean, O> {
  return shape("bool", false, options);
}

export function uuid<const O extends FieldOptions<string>>(options?: O): Typed<string, O> {
  return shape("uuid", zeroUuid, options);
}

export function string<const O extends FieldOptions<string>>(options?: O): Typed<string, O> {
  return shape("string", "", options);
}

export function bytes<const O extends FieldOptions<Uint8Array>>(options?: O): Typed<Uint8Array, O> {
  return shape("bytes", noBytes, options);
}

export function records<const O extends FieldOptions<Uint8Array>>(
  options?: O,
): Typed<Uint8Array, O, RecordsIn> {
  return shape("records", noBytes, options);
}

/** An array of fields of one type, or of structs given by their fields. */
export function array<const O extends FieldOptions<readonly never[]>, T, I>(
  element: Field<T, I>,
  options?: O,
): Typed<readonly T[], O, readonly I[]>;
export function array<const O extends FieldOptions<readonly never[]>, F extends Fields>(
  fields: F,
  options?: O,
): Typed<readonly Decoded<F>[], O, readonly Encodable<F>[]>;
export function array(element: Shape | Fields, options?: FieldOptions<readonly never[]>): Shape {
  const inner = isShape(element) ? element : struct(element);
  return { ...shape("array", noElements, options), element: inner };
}

/** A struct as a field of its own. */
export function struct<const O extends FieldOptions<null>, F extends Fields>(
  fields: F,
  options?: O,
): Typed<Decoded<F>, O, Encodable<F>> {
  return { ...shape("struct", undefined, options), fields };
}

function isShape(value: Shape | Fields): value is Shape {
  return typeof value["kind"] === "string";
}

function shape(kind: Kind, zero: unknown, options: FieldOptions<unknown> = {}): Shape {
  const versions = parseVersions(options.versions ?? "0+");
  const { tag, tagged } = options;
  return {
    kind,
    versions,
    nullable: options.nullable === undefined ? noVersions : parseVersions(options.nullable),
    tagged:
      tag === undefined ? noVersions : tagged === undefined ? versions : parseVersions(tagged),
    tag: tag ?? -1,
    ignorable: options.ignorable ?? false,
    fallback: options.default === undefined ? zero : options.default,
    element: null,
    fields: null,
  };
}
