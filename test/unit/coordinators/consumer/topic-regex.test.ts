/** Topic names by regular expression: RE2's syntax, whole names, and no pattern that takes long or much. */
import { expect, test } from "bun:test";
import {
  resolveTopicRegexes,
  topicRegex,
} from "../../../../src/coordinators/consumer/topic-regex.ts";
import type { Clock } from "../../../../src/lib/clock.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";

async function refusal(pattern: string): Promise<Refusal> {
  const error = await topicRegex(pattern).then(
    () => null,
    (error: unknown) => error,
  );
  if (!(error instanceof Refusal)) throw new Error(`${pattern} was not refused`);
  return error;
}

test("a name matches as a whole", async () => {
  const matches = await topicRegex("orders\\.(eu|us)");
  expect(["orders.eu", "orders.us", "orders.eu2", "x.orders.eu"].filter(matches)).toEqual([
    "orders.eu",
    "orders.us",
  ]);
});

test("what RE2 does not know is refused", async () => {
  for (const pattern of ["foo(", "(?=a)", "(?<!a)b", "(a)\\1", "[z-a]", "*", "a{2,1}", "\\"]) {
    expect((await refusal(pattern)).code, pattern).toBe("invalid_regular_expression");
  }
  expect((await refusal("foo(")).message).toContain("`foo(` is not a valid regular expression");
});

test("patterns that would grow too large are refused", async () => {
  for (const pattern of [
    "a".repeat(5000),
    "((a{1000}){1000}){1000}",
    "(".repeat(2000) + ")".repeat(2000),
    "((x{0,10}){0,10}){0,40}",
  ]) {
    expect((await refusal(pattern)).code).toBe("invalid_regular_expression");
  }
});

test("patterns that make others backtrack for ever match in linear time", async () => {
  const name = "x".repeat(248);
  for (const pattern of [
    "(x+)+y",
    "(x|x?x|x?x?x)*y",
    "((a|b|x)*x(a|b|x){12})*!",
    "(.*)*(.*)*(.*)*y",
  ]) {
    expect((await topicRegex(pattern))(name)).toBe(false);
    expect((await topicRegex(pattern))(`${name}${pattern.endsWith("!") ? "!" : "y"}`)).toBe(true);
  }
});

test("resolving yields, sorts, and lets a pattern that is no longer valid match nothing", async () => {
  let turns = 0;
  let nowMs = 0;
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => (nowMs += 3),
    after: () => ({ cancel: () => {} }),
    turn: () => {
      turns += 1;
      return Promise.resolve();
    },
  };
  const names = Array.from({ length: 1000 }, (_, at) => `t${999 - at}`);
  const resolved = await resolveTopicRegexes(["t1.?", "nope(", "__.*"], names, clock);
  expect(resolved.get("t1.?")).toEqual(["t1", ...Array.from({ length: 10 }, (_, at) => `t1${at}`)]);
  expect(resolved.get("nope(")).toEqual([]);
  expect(resolved.get("__.*")).toEqual([]);
  expect(turns).toBeGreaterThan(3);
});
