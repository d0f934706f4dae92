/** Collections, and runs of bytes put together. */
import { expect, test } from "bun:test";
import { joined } from "../../../src/lib/bytes.ts";
import { distinct, without } from "../../../src/lib/collections.ts";

test("the first of each key", () => {
  expect(distinct(["a1", "b1", "a2"], ([letter]) => letter)).toEqual(["a1", "b1"]);
});

test("a set without an item is another set", () => {
  const set: ReadonlySet<string> = new Set(["a", "b"]);
  expect(without(set, "a")).toEqual(new Set(["b"]));
  expect(without(set, "c")).toEqual(new Set(["a", "b"]));
  expect(set.size).toBe(2);
});

test("parts are joined in order; one alone is not copied", () => {
  const part = Uint8Array.of(1, 2);
  expect(joined([part, Uint8Array.of(), Uint8Array.of(3)])).toEqual(Uint8Array.of(1, 2, 3));
  expect(joined([part])).toBe(part);
  expect(joined([])).toEqual(new Uint8Array());
});
