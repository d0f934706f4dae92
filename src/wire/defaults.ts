/**
 * What a declared field is when nobody says it, and whether a value is that.
 */
import { assert } from "../lib/assert.ts";
import type { Fields, Shape } from "./schema.ts";

type Values = Readonly<Record<string, unknown>>;

/** A field's default; shared by all who decode it, so nothing may be written into it. */
export function defaultOf(shape: Shape): unknown {
  if (shape.fallback !== undefined) return shape.fallback;
  assert(shape.fields, "only a struct has no default of its own");
  return structDefault(shape.fields);
}

function structDefault(fields: Fields): Values {
  return Object.freeze(
    Object.fromEntries(Object.entries(fields).map(([name, shape]) => [name, defaultOf(shape)])),
  );
}

/** The test whether a value (undefined: not said) is the field's default. */
export function isDefault(shape: Shape): (value: unknown) => boolean {
  const fallback = defaultOf(shape);
  if (fallback === null) return (value) => value === undefined || value === null;
  const { fields } = shape;
  if (fields) {
    const tests = Object.entries(fields).map(([name, field]) => ({ name, same: isDefault(field) }));
    return (value) =>
      value === undefined ||
      (isValues(value) && tests.every(({ name, same }) => same(value[name])));
  }
  if (Array.isArray(fallback) || fallback instanceof Uint8Array)
    return (value) => value === undefined || isEmpty(value);
  return (value) => value === undefined || value === fallback;
}

function isValues(value: unknown): value is Values {
  return typeof value === "object" && value !== null;
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0;
}
