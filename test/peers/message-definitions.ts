/**
 * Compares a declaration with the definition that Kafka publishes for the same message (JSON with `//` comments).
 *
 * - Names, order, types, nesting, versions, nullable versions, tags, defaults, and whether a field may be dropped.
 * - Versions are compared within those of the message and of the struct around: beyond them they mean nothing.
 * - Not compared: what the wire does not know (map keys, entity types, sentences).
 */
import type { Fields, Shape } from "../../src/wire/schema.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { type VersionRange, noVersions, parseVersions } from "../../src/wire/versions.ts";

interface FieldDefinition {
  readonly name: string;
  readonly type: string;
  readonly versions?: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean;
  readonly ignorable?: boolean | string;
  readonly fields?: readonly FieldDefinition[];
}

export interface MessageDefinition {
  readonly apiKey?: number;
  readonly name: string;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly latestVersionUnstable?: boolean;
  readonly fields: readonly FieldDefinition[];
  readonly commonStructs?: readonly {
    readonly name: string;
    readonly fields: readonly FieldDefinition[];
  }[];
}

interface Declared {
  readonly fields: Fields;
  readonly versions: VersionRange;
  readonly flexible: VersionRange;
}

export function parseDefinition(text: string): MessageDefinition {
  return JSON.parse(text.replaceAll(/^\s*\/\/.*$/gm, "")) as MessageDefinition;
}

/** What differs, a line each; nothing when the declaration is right. An unstable newest version is not declared. */
export function differences(
  declared: Declared,
  definition: MessageDefinition,
  latestVersionUnstable: boolean,
): string[] {
  const { name } = definition;
  const { min, max } = parseVersions(definition.validVersions);
  const versions = { min, max: latestVersionUnstable ? max - 1 : max };
  const flexible = clip(parseVersions(definition.flexibleVersions), versions);
  const structs = new Map((definition.commonStructs ?? []).map((one) => [one.name, one.fields]));
  return [
    ...differ(`${name} versions`, declared.versions, versions),
    ...differ(`${name} flexible`, clip(declared.flexible, versions), flexible),
    ...inFields(name, declared.fields, definition.fields, {
      within: versions,
      all: versions,
      structs,
    }),
  ];
}

interface Scope {
  /** Versions that have the struct around. */
  readonly within: VersionRange;
  /** Versions of the message. */
  readonly all: VersionRange;
  readonly structs: ReadonlyMap<string, readonly FieldDefinition[]>;
}

function inFields(
  path: string,
  fields: Fields,
  definitions: readonly FieldDefinition[],
  scope: Scope,
): string[] {
  const present = definitions.filter(
    (one) => !isEmpty(clip(parseVersions(versionsOf(one)), scope.within)),
  );
  const names = present.map(({ name }) => name.charAt(0).toLowerCase() + name.slice(1));
  const missing = differ(`${path} fields`, Object.keys(fields), names);
  if (missing.length > 0) return missing;
  return present.flatMap((definition, index) => {
    const name = names[index] ?? "";
    const shape = fields[name];
    return shape ? inField(`${path}.${name}`, shape, definition, scope) : [];
  });
}

function inField(path: string, shape: Shape, definition: FieldDefinition, scope: Scope): string[] {
  const ranges = (text: string | undefined, within: VersionRange) =>
    clip(parseVersions(text ?? "none"), within);
  const versions = ranges(versionsOf(definition), scope.within);
  const found = [
    ...differ(`${path} type`, typeOf(shape), definition.type.replace(/[A-Z]\w*/, "struct")),
    ...differ(`${path} versions`, clip(shape.versions, scope.within), versions),
    ...differ(
      `${path} nullable`,
      clip(shape.nullable, versions),
      ranges(definition.nullableVersions, versions),
    ),
    ...differ(
      `${path} tagged`,
      clip(shape.tagged, versions),
      ranges(definition.taggedVersions, versions),
    ),
    ...differ(`${path} tag`, shape.tag, definition.tag ?? -1),
    ...differ(`${path} default`, shape.fallback, defaultOf(shape, definition)),
  ];
  // Where every version has the field, there is nothing to ignore.
  if (!sameRange(versions, scope.all))
    found.push(
      ...differ(`${path} ignorable`, shape.ignorable, String(definition.ignorable) === "true"),
    );
  const struct = /[A-Z]\w*/.exec(definition.type)?.[0];
  const inner = (shape.element ?? shape).fields;
  if (struct === undefined || !inner) return found;
  const fields = definition.fields ?? scope.structs.get(struct) ?? [];
  return [...found, ...inFields(path, inner, fields, { ...scope, within: versions })];
}

/** Kafka's generator takes a field that says no versions for one of the versions in which it is tagged. */
function versionsOf({ versions, taggedVersions }: FieldDefinition): string {
  return versions ?? taggedVersions ?? "0+";
}

function typeOf({ kind, element }: Shape): string {
  if (element) return `[]${typeOf(element)}`;
  return kind === "int64Big" || kind === "int64Exact" ? "int64" : kind;
}

function defaultOf({ kind }: Shape, definition: FieldDefinition): unknown {
  const text = definition.default === undefined ? undefined : String(definition.default);
  if (text === "null") return null;
  if (kind === "array") return [];
  if (kind === "struct") return undefined;
  if (kind === "bytes" || kind === "records") return new Uint8Array();
  if (kind === "string") return text ?? "";
  if (kind === "uuid") return zeroUuid;
  if (kind === "bool") return text === "true";
  if (kind === "int64Big") return BigInt(text ?? 0);
  return Number(text ?? 0);
}

function differ(what: string, ours: unknown, theirs: unknown): string[] {
  if (Bun.deepEquals(ours, theirs)) return [];
  return [`${what}: ${Bun.inspect(ours)} here, ${Bun.inspect(theirs)} in Kafka`];
}

function clip(range: VersionRange, within: VersionRange): VersionRange {
  const clipped = { min: Math.max(range.min, within.min), max: Math.min(range.max, within.max) };
  return isEmpty(clipped) ? noVersions : clipped;
}

function isEmpty({ min, max }: VersionRange): boolean {
  return min > max;
}

function sameRange(one: VersionRange, other: VersionRange): boolean {
  return one.min === other.min && one.max === other.max;
}
