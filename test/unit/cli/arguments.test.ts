/** Places in a log as they are typed. */
import { expect, test } from "bun:test";
import { InvalidArgumentError } from "commander";
import { offsetSpec } from "../../../src/cli/arguments.ts";

const NOW = 1_700_000_000_000;

const places: readonly (readonly [text: string, place: unknown])[] = [
  ["start", "earliest"],
  ["end", "latest"],
  ["17", 17],
  ["+3", { plus: 3 }],
  ["-3", { tail: 3 }],
  ["@1700000000000", new Date(NOW)],
  ["@2023-11-14T22:13:20Z", new Date(NOW)],
  ["@2023-11-14T23:13:20+01:00", new Date(NOW)],
  ["@-2h", new Date(NOW - 7_200_000)],
  ["@-99999d", new Date(0)],
];

test.each(places)("%s is a place", (text, place) => {
  const got: unknown = offsetSpec(text, NOW);
  expect(got).toEqual(place);
});

test.each([
  "@tomorrow 5",
  "@foo 1",
  "@",
  "@-5",
  "@2026-13-01",
  "@99999999999999999999",
  "99999999999999999999",
  "+99999999999999999999",
  "-99999999999999999999",
  "1.5",
])("%s is none", (text) => {
  expect(() => offsetSpec(text, NOW)).toThrow(InvalidArgumentError);
});
