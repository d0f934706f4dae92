/** The cache of topic configs: the same values give the same config, other values another. */
import { expect, test } from "bun:test";
import { topicConfigCache } from "../../../../src/log/configs/cache.ts";

test("what was set decides, in whatever order", () => {
  const defaults = { "retention.ms": "5" };
  const configOf = topicConfigCache(() => defaults);
  const none = configOf(new Map());
  expect(none.retentionMs).toBe(5);
  expect(configOf(new Map())).toBe(none);
  const one = configOf(
    new Map([
      ["retention.ms", "6"],
      ["cleanup.policy", "compact"],
    ]),
  );
  expect([one.retentionMs, one.compact]).toEqual([6, true]);
  expect(
    configOf(
      new Map([
        ["cleanup.policy", "compact"],
        ["retention.ms", "6"],
      ]),
    ),
  ).toBe(one);
  expect(configOf(new Map([["retention.ms", "7"]])).retentionMs).toBe(7);
});

test("other defaults are seen at once", () => {
  let defaults = { "retention.ms": "5" };
  const configOf = topicConfigCache(() => defaults);
  expect(configOf(new Map()).retentionMs).toBe(5);
  defaults = { "retention.ms": "6" };
  expect(configOf(new Map()).retentionMs).toBe(6);
});

test("more sets than are remembered", () => {
  const defaults = {};
  const configOf = topicConfigCache(() => defaults);
  for (let at = 0; at < 3_000; at++) {
    expect(configOf(new Map([["retention.ms", String(at)]])).retentionMs).toBe(at);
  }
});
