/**
 * The settings of a topic that Kafka 4.3.1 tells of, one by one: name, type, default, and the broker's setting that is told as the
 * default's own. Holds of Apache Kafka itself and of a node of this house; part of `kafka-configs.ts`.
 */
import { expect, test } from "bun:test";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { incrementalAlterConfigs } from "../../src/kafka/apis/44-incremental-alter-configs.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import type { KafkaWire } from "../peers/kafka-wire.ts";

const TOPIC = 2;
const DEFAULT = 5;
const types = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const;

const settings: readonly (readonly [
  name: string,
  type: keyof typeof types,
  value: string,
  broker: string | null,
])[] = [
  ["cleanup.policy", "list", "delete", "log.cleanup.policy"],
  ["compression.gzip.level", "int", "-1", "compression.gzip.level"],
  ["compression.lz4.level", "int", "9", "compression.lz4.level"],
  ["compression.type", "string", "producer", "compression.type"],
  ["compression.zstd.level", "int", "3", "compression.zstd.level"],
  ["delete.retention.ms", "long", "86400000", "log.cleaner.delete.retention.ms"],
  ["file.delete.delay.ms", "long", "60000", "log.segment.delete.delay.ms"],
  ["flush.messages", "long", "9223372036854775807", "log.flush.interval.messages"],
  ["flush.ms", "long", "9223372036854775807", null],
  ["follower.replication.throttled.replicas", "list", "", null],
  ["index.interval.bytes", "int", "4096", "log.index.interval.bytes"],
  ["leader.replication.throttled.replicas", "list", "", null],
  ["local.retention.bytes", "long", "-2", "log.local.retention.bytes"],
  ["local.retention.ms", "long", "-2", "log.local.retention.ms"],
  ["max.compaction.lag.ms", "long", "9223372036854775807", "log.cleaner.max.compaction.lag.ms"],
  ["max.message.bytes", "int", "1048588", "message.max.bytes"],
  ["message.timestamp.after.max.ms", "long", "3600000", "log.message.timestamp.after.max.ms"],
  [
    "message.timestamp.before.max.ms",
    "long",
    "9223372036854775807",
    "log.message.timestamp.before.max.ms",
  ],
  ["message.timestamp.type", "string", "CreateTime", "log.message.timestamp.type"],
  ["min.cleanable.dirty.ratio", "double", "0.5", "log.cleaner.min.cleanable.ratio"],
  ["min.compaction.lag.ms", "long", "0", "log.cleaner.min.compaction.lag.ms"],
  ["min.insync.replicas", "int", "1", "min.insync.replicas"],
  ["preallocate", "boolean", "false", "log.preallocate"],
  ["remote.log.copy.disable", "boolean", "false", null],
  ["remote.log.delete.on.disable", "boolean", "false", null],
  ["remote.storage.enable", "boolean", "false", null],
  ["retention.bytes", "long", "-1", "log.retention.bytes"],
  ["retention.ms", "long", "604800000", null],
  ["segment.bytes", "int", "1073741824", "log.segment.bytes"],
  ["segment.index.bytes", "int", "10485760", "log.index.size.max.bytes"],
  ["segment.jitter.ms", "long", "0", null],
  ["segment.ms", "long", "604800000", null],
  ["unclean.leader.election.enable", "boolean", "false", "unclean.leader.election.enable"],
];

export function topicConfigTests(wire: () => KafkaWire, run: string): void {
  const created = async (name: string, configs: readonly { name: string; value: string }[]) => {
    const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
    const answer = await wire().ask(createTopics, {
      topics: [topic],
      timeoutMs: 5_000,
      validateOnly: false,
    });
    return answer.topics[0];
  };
  const deleted = (name: string) =>
    wire().ask(deleteTopics, {
      topics: [{ name, topicId: zeroUuid }],
      topicNames: [],
      timeoutMs: 5_000,
    });
  const described = async (resourceType: number, resourceName: string) => {
    const resources = [{ resourceType, resourceName, configurationKeys: null }];
    const shown = { includeSynonyms: true, includeDocumentation: true };
    return (await wire().ask(describeConfigs, { resources, ...shown })).results[0];
  };

  test("a topic has exactly the settings that Kafka has, with their types and defaults", async () => {
    const name = `${run}-plain`;
    const made = await created(name, []);
    const names = settings.map(([each]) => each);
    expect(made?.configs?.map((each) => each.name).toSorted()).toEqual(names);
    for (;;) {
      const told = await described(TOPIC, name);
      if (told?.errorCode === 3) continue; // Kafka's brokers learn of it a moment later.
      const entries = told?.configs.toSorted((one, other) => (one.name < other.name ? -1 : 1));
      const found = entries?.map((each) => {
        const fallback = each.synonyms.filter(({ source }) => source === DEFAULT);
        expect(each).toMatchObject({ readOnly: false, isSensitive: false });
        expect(each.documentation).not.toBeNull();
        return [
          each.name,
          each.configType,
          each.value,
          fallback.map((one) => [one.name, one.value]),
        ];
      });
      const wanted = settings.map(([each, type, value, broker]) => {
        return [each, types[type], value, broker === null ? [] : [[broker, value]]];
      });
      expect(found).toEqual(wanted);
      break;
    }
    await deleted(name);
  });

  test("settings of tiered storage and of throttles: what is taken, and what is refused", async () => {
    const tiered = [{ name: "remote.storage.enable", value: "true" }];
    expect((await created(`${run}-tiered`, tiered))?.errorCode).toBe(40);
    const name = `${run}-set`;
    await created(name, []);
    const set = async (setting: string, value: string) => {
      const configs = [{ name: setting, configOperation: 0, value }];
      const resources = [{ resourceType: TOPIC, resourceName: name, configs }];
      const answer = await wire().ask(incrementalAlterConfigs, { resources, validateOnly: false });
      return answer.responses[0]?.errorCode;
    };
    const throttled = "leader.replication.throttled.replicas";
    for (const [setting, value, code] of [
      ["remote.storage.enable", "true", 40],
      ["remote.storage.enable", "false", 0],
      ["remote.storage.enable", "x", 40],
      ["remote.log.copy.disable", "true", 0],
      ["remote.log.delete.on.disable", "true", 0],
      ["local.retention.ms", "5000", 0],
      ["local.retention.ms", "-1", 0],
      ["local.retention.ms", "-3", 40],
      ["local.retention.bytes", "5000", 0],
      ["local.retention.bytes", "-3", 40],
      [throttled, "*", 0],
      [throttled, "0:1,7:99", 0],
      [throttled, " 0:1 , 0:1", 0],
      [throttled, "", 0],
      [throttled, "none", 40],
      [throttled, "0:1,*", 40],
      [throttled, "0:1:2", 40],
      ["follower.replication.throttled.replicas", "-1:1", 40],
    ] as const)
      expect([setting, value, await set(setting, value)]).toEqual([setting, value, code]);
    await deleted(name);
  });

  test("the defaults of client metrics are told without synonyms", async () => {
    const told = await described(16, `${run}-nobody`);
    const entries = told?.configs.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    expect(entries?.map((each) => [each.name, each.value, each.synonyms])).toEqual([
      ["interval.ms", "300000", []],
      ["match", "", []],
      ["metrics", "", []],
    ]);
  });
}
