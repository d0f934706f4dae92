/**
 * Topic configs: defaults, sources, the typed form, and refusals that say what is allowed.
 */
import { describe, expect, test } from "bun:test";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { topicConfigs } from "../../../../src/log/configs/definitions.ts";
import {
  checkNewValues,
  describeTopicConfig,
  nodeDefaultsFrom,
  parseTopicConfig,
  shownValue,
} from "../../../../src/log/configs/topic-config.ts";

describe("parseTopicConfig", () => {
  test("gives Kafka's defaults", () => {
    expect(parseTopicConfig({}, {})).toEqual({
      compact: false,
      delete: true,
      compressionType: "producer",
      deleteRetentionMs: 86_400_000,
      relaxed: false,
      compactionLagMinMs: 0,
      compactionLagMaxMs: Infinity,
      messageBytesMax: 1_048_588,
      timestampType: "create",
      timestampBeforeMaxMs: Infinity,
      timestampAfterMaxMs: 3_600_000,
      cleanableDirtyRatioMin: 0.5,
      inSyncReplicasMin: 1,
      retentionBytes: Infinity,
      segmentBytes: 1_073_741_824,
      segmentMs: 604_800_000,
      retentionMs: 604_800_000,
      uncleanLeaderElection: false,
    });
  });

  test("the topic's value wins over the node's", () => {
    const config = parseTopicConfig(
      { "retention.ms": "-1", "cleanup.policy": "compact, delete" },
      { "retention.ms": "5", "retention.bytes": "7", "compression.type": "uncompressed" },
    );
    expect(config.retentionMs).toBe(Infinity);
    expect(config.retentionBytes).toBe(7);
    expect(config.compressionType).toBe("none");
    expect([config.compact, config.delete]).toEqual([true, true]);
  });

  const refused: readonly [string, string, string][] = [
    ["retention.ms", "soon", "a whole number of at least -1"],
    ["retention.ms", "-2", "a whole number of at least -1"],
    ["retention.ms", "9223372036854775808", "a whole number"],
    ["retention.ms", "1e3", "a whole number"],
    ["retention.ms", "", "a whole number"],
    ["segment.bytes", "2147483648", "a whole number"],
    ["max.message.bytes", "7340033", "from 0 to 7340032"],
    ["min.cleanable.dirty.ratio", "1.5", "a number from 0 to 1"],
    ["min.cleanable.dirty.ratio", "NaN", "a number from 0 to 1"],
    ["cleanup.policy", "shrink", "compact, delete"],
    ["compression.type", "brotli", "one of uncompressed, zstd"],
    ["preallocate", "yes", "true or false"],
    ["kedge.durability", "never", "one of synced, relaxed"],
    ["retention.minutes", "1", "Did you mean one of retention.bytes, retention.ms?"],
    ["constructor", "1", "There is no topic config"],
  ];
  test.each(refused)("refuses %s=%p", (name, value, sentence) => {
    let refusal: unknown;
    try {
      parseTopicConfig({ [name]: value }, {});
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: "invalid_config" });
    expect(String(refusal)).toContain(sentence);
  });

  test.each([
    ["cleanup.policy", ","],
    ["cleanup.policy", "delete,"],
    ["cleanup.policy", "compact,,delete"],
    ["compression.gzip.level", "0"],
  ])("takes %s=%p where it is kept already, and not anew", (name, value) => {
    expect(() => parseTopicConfig({ [name]: value }, {})).not.toThrow();
    expect(() => checkNewValues({ [name]: value })).toThrow(Refusal);
  });

  test.each([
    ["cleanup.policy", " delete , delete,compact ", "delete,compact"],
    ["cleanup.policy", " ", ""],
    ["leader.replication.throttled.replicas", "0:1, 0:1", "0:1,0:1"],
    ["retention.ms", "+007", "7"],
    ["retention.ms", " -1 ", "-1"],
    ["preallocate", " TRUE", "true"],
    ["min.cleanable.dirty.ratio", "1", "1.0"],
    ["min.cleanable.dirty.ratio", ".5", "0.5"],
    ["min.cleanable.dirty.ratio", "0.00012", "1.2E-4"],
  ])("shows %s=%p as Kafka does, as %p", (name, value, shown) => {
    expect(() => checkNewValues({ [name]: value })).not.toThrow();
    const definition = topicConfigs.find((each) => each.name === name);
    expect(definition && shownValue(definition, value)).toBe(shown);
  });

  test("parses the same values once, and tells other values apart", () => {
    const node = { "retention.ms": "5" };
    const one = parseTopicConfig({ "retention.bytes": "7" }, node);
    expect(parseTopicConfig({ "retention.bytes": "7" }, node)).toBe(one);
    expect(parseTopicConfig({ "retention.bytes": "8" }, node).retentionBytes).toBe(8);
    expect(parseTopicConfig({ "retention.bytes": "7" }, {}).retentionMs).toBe(604_800_000);
  });

  test("refuses lags that cross", () => {
    expect(() =>
      parseTopicConfig({ "min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9" }, {}),
    ).toThrow("must not be greater");
  });
});

test("every definition's own default is allowed, and every name and node synonym is there once", () => {
  expect(() => parseTopicConfig({}, {})).not.toThrow();
  expect(new Set(topicConfigs.map(({ name }) => name)).size).toBe(topicConfigs.length);
  const nodes = topicConfigs.flatMap(({ node }) => (node === null ? [] : [node]));
  expect(new Set(nodes).size).toBe(nodes.length);
});

test("describes values with their source, the node's by its own names", () => {
  const node = nodeDefaultsFrom({ "log.retention.ms": "1000", "message.max.bytes": "2000" });
  const described = describeTopicConfig({ "max.message.bytes": "3000" }, node);
  const find = (wanted: string) => described.find(({ name }) => name === wanted);
  expect(find("retention.ms")).toEqual({ name: "retention.ms", value: "1000", source: "node" });
  expect(find("max.message.bytes")).toMatchObject({ value: "3000", source: "topic" });
  expect(find("segment.ms")).toMatchObject({ value: "604800000", source: "default" });
});
