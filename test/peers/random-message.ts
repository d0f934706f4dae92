/**
 * Random values of declared fields in one version, from a seed: every length from none to a few, null where it may be, tagged
 * fields said or not, texts beyond ASCII, the ends of every integer.
 */
import type { Fields, Shape } from "../../src/wire/schema.ts";
import { holdsVersion } from "../../src/wire/versions.ts";

/** A number from 0 up to, not including, `below`. */
export type Dice = (below: number) => number;

/** Numbers that follow from a seed alone (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A message; fields that the version lacks are not in it. */
export function randomFields(fields: Fields, version: number, roll: Dice): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, shape] of Object.entries(fields)) {
    if (!holdsVersion(shape.versions, version)) continue;
    if (holdsVersion(shape.tagged, version) && roll(2) === 0) continue;
    values[name] = randomValue(shape, version, roll);
  }
  return values;
}

function randomValue(shape: Shape, version: number, roll: Dice): unknown {
  if (holdsVersion(shape.nullable, version) && roll(4) === 0) return null;
  if (shape.fields) return randomFields(shape.fields, version, roll);
  const { element } = shape;
  if (element) {
    // Kafka's classes leave out a tagged array that is empty, also where its definition says that null is the default.
    const least = holdsVersion(shape.tagged, version) && shape.fallback === null ? 1 : 0;
    const length = least + roll(4 - least);
    return Array.from({ length }, () => randomValue(element, version, roll));
  }
  return scalars[shape.kind](roll);
}

const texts = ["", "a", "topic-1", "zoë", "日本語", "🦆", "x".repeat(126), "ß".repeat(300)];

const scalars: Readonly<Record<Shape["kind"], (roll: Dice) => unknown>> = {
  int8: integer(2 ** 7),
  int16: integer(2 ** 15),
  uint16: (roll) => roll(65_536),
  int32: integer(2 ** 31),
  uint32: (roll) => roll(2 ** 32),
  int64: (roll) =>
    pick(roll, [-1, 0, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 32, roll(1_000), -roll(2 ** 32)]),
  int64Big: (roll) => pick(roll, [-1n, 0n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(roll(1_000))]),
  int64Exact: (roll) => pick(roll, [-1, 0, 2n ** 63n - 1n, -(2n ** 63n), 2 ** 53 - 1, roll(1_000)]),
  float64: (roll) => roll(2 ** 32) / 8 - 2 ** 20,
  bool: (roll) => roll(2) === 1,
  uuid: (roll) => randomBytes(roll, 16).toBase64({ alphabet: "base64url", omitPadding: true }),
  string: (roll) => pick(roll, texts),
  bytes: (roll) => randomBytes(roll, pick(roll, [0, 1, 127, 128, 300])),
  records: (roll) => randomBytes(roll, pick(roll, [0, 61, 5_000])),
  array: () => [],
  struct: () => ({}),
};

function integer(end: number): (roll: Dice) => number {
  return (roll) => pick(roll, [-1, 0, 1, end - 1, -end, roll(end)]);
}

function pick<T>(roll: Dice, values: readonly [T, ...T[]] | readonly T[]): T {
  const value = values[roll(values.length)];
  if (value === undefined) throw new Error("there is nothing to pick from");
  return value;
}

function randomBytes(roll: Dice, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => roll(256));
}
