/**
 * Administration over Kafka's protocol, against an address: what is answered in good cases and bad, by error code. Holds of
 * Apache Kafka itself (`test/interop/kafka-admin.interop.ts`) and of a node of this house.
 *
 * - Topics have names of their own a run, so that a broker with other topics serves as well.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { describeAcls } from "../../src/kafka/apis/29-describe-acls.ts";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { deleteRecords } from "../../src/kafka/apis/21-delete-records.ts";
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { alterConfigs } from "../../src/kafka/apis/33-alter-configs.ts";
import { createPartitions } from "../../src/kafka/apis/37-create-partitions.ts";
import { incrementalAlterConfigs } from "../../src/kafka/apis/44-incremental-alter-configs.ts";
import { describeCluster } from "../../src/kafka/apis/60-describe-cluster.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { type KafkaWire, connectWire } from "../peers/kafka-wire.ts";

type Codes = Record<string, number>;

const [TOPIC, BROKER] = [2, 4];
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

/** `open` gives the port of a broker with one node, whose id is 1. */
export function kafkaAdminSuite(name: string, open: () => Promise<number>): void {
  describe(`Kafka administration, ${name}`, () => {
    const run = `r${Date.now().toString(36)}`;
    let wire: KafkaWire;
    beforeAll(async () => {
      wire = await connectWire(await open());
      await create([topic("t", { numPartitions: 2 }), topic("v.v")]);
    });
    afterAll(async () => {
      const topics = ["t", "v.v", "byhand"].map((one) => ({ name: named(one), topicId: zeroUuid }));
      await wire.ask(deleteTopics, { topics, topicNames: [], timeoutMs: 5_000 });
      wire.close();
    });

    const named = (short: string) => `${run}-${short}`;
    const topic = (short: string, more: Partial<Topic> = {}) => ({
      ...plain,
      name: named(short),
      ...more,
    });
    const create = async (topics: readonly Topic[], validateOnly = false): Promise<Codes> => {
      const answer = await wire.ask(createTopics, { topics, timeoutMs: 5_000, validateOnly });
      return codes(answer.topics);
    };
    /** Codes by the name without the run's own beginning. */
    const codes = (answers: readonly { name: string | null; errorCode: number }[]): Codes =>
      Object.fromEntries(
        answers.map((one) => [(one.name ?? "").replace(`${run}-`, ""), one.errorCode]),
      );

    test("topics are refused for Kafka's reasons, each for itself", async () => {
      const bad = await create(
        [
          topic("t"),
          topic("v_v"),
          { ...plain, name: `${run} x` },
          { ...plain, name: "" },
          topic("twice"),
          topic("twice"),
          topic("none", { numPartitions: 0 }),
          topic("many", { replicationFactor: 2 }),
          topic("zero", { replicationFactor: 0 }),
          topic("config", { configs: [{ name: "no.such", value: "1" }] }),
          topic("value", { configs: [{ name: "retention.ms", value: "x" }] }),
          topic("null", { configs: [{ name: "retention.ms", value: null }] }),
          topic("good", { numPartitions: -1, replicationFactor: -1 }),
          { ...plain, name: `__${run}` },
        ],
        true,
      );
      expect(bad).toEqual({
        t: 36,
        v_v: 17,
        [`${run} x`]: 17,
        "": 17,
        twice: 42,
        none: 37,
        many: 38,
        zero: 38,
        config: 40,
        value: 40,
        null: 40,
        good: 0,
        [`__${run}`]: 0,
      });
      expect((await meta(["good"])).good).toBe(3);
    });

    test("replicas by hand are all or nothing", async () => {
      const byHand = (...assignments: [number, number[]][]) => ({
        numPartitions: -1,
        replicationFactor: -1,
        assignments: assignments.map(([partitionIndex, brokerIds]) => ({
          partitionIndex,
          brokerIds,
        })),
      });
      expect(
        await create([
          topic("byhand", byHand([0, [1]], [1, [1]])),
          topic("counts", { ...byHand([0, [1]]), numPartitions: 1, replicationFactor: 1 }),
          topic("gap", byHand([1, [1]])),
          topic("stranger", byHand([0, [7]])),
          topic("nobody", byHand([0, []])),
          topic("double", byHand([0, [1, 1]])),
        ]),
      ).toEqual({ byhand: 0, counts: 42, gap: 39, stranger: 39, nobody: 39, double: 39 });
    });

    const meta = async (shorts: readonly string[]): Promise<Codes> => {
      const resources = shorts.map((short) => resource(TOPIC, named(short)));
      const { results } = await wire.ask(describeConfigs, {
        resources,
        includeSynonyms: false,
        includeDocumentation: false,
      });
      return codes(
        results.map(({ resourceName, errorCode }) => ({ name: resourceName, errorCode })),
      );
    };

    test("partitions only ever grow", async () => {
      const grow = async (
        asked: Record<string, number>,
        validateOnly = false,
        replicas?: number[][],
      ) => {
        const assignments = replicas?.map((brokerIds) => ({ brokerIds })) ?? null;
        const topics = Object.entries(asked).map(([short, count]) => ({
          name: named(short),
          count,
          assignments,
        }));
        const asking = { topics, timeoutMs: 5_000, validateOnly };
        return codes((await wire.ask(createPartitions, asking)).results);
      };
      expect(await grow({ t: 4 }, true)).toEqual({ t: 0 });
      expect(await grow({ t: 3, nope: 2 })).toEqual({ t: 0, nope: 3 });
      for (const count of [3, 2, 0, -1]) expect(await grow({ t: count })).toEqual({ t: 37 });
      expect(await grow({ t: 5 }, false, [[1]])).toEqual({ t: 39 });
      expect(await grow({ t: 4 }, false, [[9]])).toEqual({ t: 39 });
      expect(await grow({ t: 4 }, false, [[1]])).toEqual({ t: 0 });
    });

    test("records are deleted by partition", async () => {
      const topics = [
        {
          name: named("t"),
          partitions: [0, 9].map((partitionIndex) => ({ partitionIndex, offset: 0 })),
        },
        { name: named("nope"), partitions: [{ partitionIndex: 0, offset: 0 }] },
        { name: named("v.v"), partitions: [{ partitionIndex: 0, offset: 5 }] },
      ];
      const answer = await wire.ask(deleteRecords, { topics, timeoutMs: 5_000 });
      const found = answer.topics.flatMap(({ name, partitions }) =>
        partitions.map((one) => [
          `${name.replace(`${run}-`, "")} ${one.partitionIndex}`,
          one.errorCode,
          one.lowWatermark,
        ]),
      );
      expect(found.toSorted((a, b) => String(a[0]).localeCompare(String(b[0])))).toEqual([
        ["nope 0", 3, -1],
        ["t 0", 0, 0],
        ["t 9", 3, -1],
        ["v.v 0", 1, -1],
      ]);
    });

    const settings = async (keys: readonly string[], type = TOPIC, name = named("t")) => {
      const { results } = await wire.ask(describeConfigs, {
        resources: [{ ...resource(type, name), configurationKeys: keys }],
        includeSynonyms: true,
        includeDocumentation: true,
      });
      return results[0];
    };
    const change = async (
      changes: readonly (readonly [string, number, string | null])[],
      { validateOnly = false, of = named("t"), type = TOPIC } = {},
    ): Promise<number | undefined> => {
      const configs = changes.map(([name, configOperation, value]) => ({
        name,
        configOperation,
        value,
      }));
      const resources = [{ resourceType: type, resourceName: of, configs }];
      const answer = await wire.ask(incrementalAlterConfigs, { resources, validateOnly });
      return answer.responses[0]?.errorCode;
    };
    const valueOf = async (key: string) => (await settings([key]))?.configs[0]?.value;
    /** Apache Kafka's broker learns of a change after its controller has answered. */
    const becomes = async (key: string, value: string) => {
      for (let asked = 0; asked < 200 && (await valueOf(key)) !== value; asked += 1)
        await Bun.sleep(5);
      expect(await valueOf(key)).toBe(value);
    };

    test("settings have value, source, type, documentation and synonyms", async () => {
      expect(await change([["retention.ms", SET, "1000"]])).toBe(0);
      const answer = await settings(["retention.ms", "cleanup.policy", "no.such"]);
      const told = Object.fromEntries(answer?.configs.map((one) => [one.name, one]) ?? []);
      expect(Object.keys(told).toSorted()).toEqual(["cleanup.policy", "retention.ms"]);
      expect(told["retention.ms"]).toMatchObject({ value: "1000", configSource: 1, configType: 5 });
      expect(told["retention.ms"]?.readOnly).toBe(false);
      expect(told["retention.ms"]?.synonyms[0]).toEqual({
        name: "retention.ms",
        value: "1000",
        source: 1,
      });
      expect(told["cleanup.policy"]).toMatchObject({
        value: "delete",
        configSource: 5,
        configType: 7,
      });
      expect(told["cleanup.policy"]?.synonyms).toEqual([
        { name: "log.cleanup.policy", value: "delete", source: 5 },
      ]);
      expect(told["cleanup.policy"]?.documentation).not.toBeEmpty();
    });

    test("single settings are set, deleted, appended to and subtracted from", async () => {
      expect(await change([["cleanup.policy", APPEND, "compact"]])).toBe(0);
      await becomes("cleanup.policy", "delete,compact");
      expect(await change([["cleanup.policy", APPEND, "compact"]])).toBe(0);
      await becomes("cleanup.policy", "delete,compact");
      expect(await change([["cleanup.policy", SUBTRACT, "delete"]])).toBe(0);
      await becomes("cleanup.policy", "compact");
      expect(
        await change([
          ["cleanup.policy", DELETE, null],
          ["no.such", DELETE, null],
        ]),
      ).toBe(0);
      await becomes("cleanup.policy", "delete");
      expect(await change([["segment.ms", SET, "77777"]], { validateOnly: true })).toBe(0);
      expect(await valueOf("segment.ms")).toBe("604800000");
    });

    test("a change is refused whole", async () => {
      expect(
        await change([
          ["segment.ms", SET, "88888"],
          ["retention.ms", SET, "x"],
        ]),
      ).toBe(40);
      expect(await change([["no.such", SET, "1"]])).toBe(40);
      expect(await change([["retention.ms", APPEND, "1"]])).toBe(40);
      expect(await change([["retention.ms", SET, null]])).toBe(42);
      expect(
        await change([
          ["retention.ms", SET, "1"],
          ["retention.ms", DELETE, null],
        ]),
      ).toBe(42);
      expect(await change([["retention.ms", SET, "1"]], { of: named("nope") })).toBe(3);
      expect(await change([["retention.ms", SET, "1"]], { of: "" })).toBe(42);
      expect(await change([["x", SET, "1"]], { type: 99 })).toBe(42);
      expect(await change([["num.partitions", SET, "2"]], { type: BROKER, of: "1" })).toBe(42);
      expect(await change([["num.partitions", SET, "2"]], { type: BROKER, of: "9" })).toBe(42);
      expect(await valueOf("segment.ms")).toBe("604800000");
    });

    test("altering all settings takes back those that are not named", async () => {
      const configs = [{ name: "segment.ms", value: "90000" }];
      const resources = [{ resourceType: TOPIC, resourceName: named("t"), configs }];
      const answer = await wire.ask(alterConfigs, { resources, validateOnly: false });
      expect(answer.responses[0]?.errorCode).toBe(0);
      expect(await valueOf("segment.ms")).toBe("90000");
      expect(await valueOf("retention.ms")).toBe("604800000");
    });

    test("a broker tells its settings, another's it does not", async () => {
      const keys = ["num.partitions", "log.retention.ms", "message.max.bytes"];
      const answer = await settings(keys, BROKER, "1");
      expect(answer?.errorCode).toBe(0);
      expect(answer?.configs.map(({ name }) => name).toSorted()).toEqual(keys.toSorted());
      expect((await settings([], BROKER, "9"))?.errorCode).toBe(42);
      expect((await settings([], BROKER, "x"))?.errorCode).toBe(42);
      expect((await settings([], TOPIC, named("nope")))?.errorCode).toBe(3);
    });

    test("the cluster is told, its controllers are not", async () => {
      const asked = { includeClusterAuthorizedOperations: true, includeFencedBrokers: false };
      const told = await wire.ask(describeCluster, asked);
      expect(told).toMatchObject({ errorCode: 0, clusterAuthorizedOperations: 8096 });
      expect(told.brokers).toMatchObject([{ brokerId: 1, rack: null, isFenced: false }]);
      for (const [endpointType, code] of [
        [2, 114],
        [3, 115],
      ] as const) {
        const answer = await wire.ask(describeCluster, { ...asked, endpointType });
        expect(answer.errorCode).toBe(code);
      }
    });

    test("access rules are not in use", async () => {
      const any = { resourceTypeFilter: 1, patternTypeFilter: 1, operation: 1, permissionType: 1 };
      const none = { resourceNameFilter: null, principalFilter: null, hostFilter: null };
      expect((await wire.ask(describeAcls, { ...any, ...none })).errorCode).toBe(54);
    });

    test("topics are deleted by name or by id, not by both or neither", async () => {
      const made = await wire.ask(createTopics, { topics: [topic("gone")], timeoutMs: 5_000 });
      const topicId = made.topics[0]?.topicId ?? "";
      const both = [
        { name: named("gone"), topicId: zeroUuid },
        { name: null, topicId },
      ];
      const twice = await wire.ask(deleteTopics, {
        topics: both,
        topicNames: [],
        timeoutMs: 5_000,
      });
      expect(codes(twice.responses)).toEqual({ gone: 42 });
      const strange = "AAECAwQFBgcICQoLDA0ODw";
      const topics = [
        { name: null, topicId },
        { name: named("nope"), topicId: zeroUuid },
        { name: null, topicId: strange },
        { name: named("t"), topicId: strange },
        { name: null, topicId: zeroUuid },
      ];
      const answer = await wire.ask(deleteTopics, { topics, topicNames: [], timeoutMs: 5_000 });
      const found = answer.responses.map((one) => [
        one.name?.replace(`${run}-`, "") ?? null,
        one.errorCode,
      ]);
      expect(found.toSorted((a, b) => Number(a[1]) - Number(b[1]))).toEqual([
        ["gone", 0],
        ["nope", 3],
        expect.anything(),
        expect.anything(),
        [null, 100],
      ]);
      const old = { topics: [], topicNames: [named("nope")], timeoutMs: 5_000 };
      expect(codes((await wire.ask(deleteTopics, old, 5)).responses)).toEqual({ nope: 3 });
    });
  });
}

interface Topic {
  readonly name: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly { partitionIndex: number; brokerIds: number[] }[];
  readonly configs: readonly { name: string; value: string | null }[];
}

const plain: Topic = {
  name: "",
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
};

function resource(resourceType: number, resourceName: string) {
  return { resourceType, resourceName, configurationKeys: null };
}
