/**
 * Settings of nodes, groups, client metrics and loggers, frame by frame against an address. Holds of Apache Kafka itself and of
 * a node of this house.
 *
 * - What was set is looked for until it is there: Kafka's brokers learn of it a moment later.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { deleteTopics } from "../../src/kafka/apis/20-delete-topics.ts";
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { alterConfigs } from "../../src/kafka/apis/33-alter-configs.ts";
import { incrementalAlterConfigs } from "../../src/kafka/apis/44-incremental-alter-configs.ts";
import { listConfigResources } from "../../src/kafka/apis/74-list-config-resources.ts";
import { zeroUuid } from "../../src/wire/uuid.ts";
import { type KafkaWire, connectWire } from "../peers/kafka-wire.ts";
import { topicConfigTests } from "./kafka-topic-configs.ts";

const [TOPIC, NODE, LOGGER, METRICS, GROUP] = [2, 4, 8, 16, 32];
const [SET, DELETE, APPEND] = [0, 1, 2];

type Change = readonly [name: string, operation: number, value: string | null];

/** `open` gives the port of a broker with one node, whose id is 1. */
export function kafkaConfigsSuite(name: string, open: () => Promise<number>): void {
  describe(`Kafka's settings, ${name}`, () => {
    const run = `s${Date.now().toString(36)}`;
    const topic = `${run}-t`;
    let wire: KafkaWire;
    beforeAll(async () => {
      wire = await connectWire(await open());
      const plain = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
      const topics = [{ name: topic, ...plain }];
      await wire.ask(createTopics, { topics, timeoutMs: 5_000, validateOnly: false });
    });
    afterAll(async () => {
      const topics = [{ name: topic, topicId: zeroUuid }];
      await wire.ask(deleteTopics, { topics, topicNames: [], timeoutMs: 5_000 });
      wire.close();
    });

    const change = async (
      type: number,
      of: string,
      changes: readonly Change[],
      validateOnly = false,
    ): Promise<number | undefined> => {
      const configs = changes.map(([key, configOperation, value]) => ({
        name: key,
        configOperation,
        value,
      }));
      const resources = [{ resourceType: type, resourceName: of, configs }];
      const answer = await wire.ask(incrementalAlterConfigs, { resources, validateOnly });
      return answer.responses[0]?.errorCode;
    };
    const entries = async (type: number, of: string, keys: readonly string[] | null = null) => {
      const resources = [{ resourceType: type, resourceName: of, configurationKeys: keys }];
      const shown = { includeSynonyms: true, includeDocumentation: false };
      const { results } = await wire.ask(describeConfigs, { resources, ...shown });
      return results[0];
    };
    /** Value and source of one setting, looked at until they are as expected, for a while. */
    const expectEntry = async (
      [type, of, key]: readonly [number, string, string],
      value: string,
      source: number,
    ): Promise<void> => {
      const look = async () => {
        const found = (await entries(type, of, [key]))?.configs[0];
        return [found?.value, found?.configSource];
      };
      for (let tries = 0; tries < 500; tries += 1) {
        const [is, from] = await look();
        if (is === value && from === source) return;
        await Bun.sleep(20);
      }
      expect(await look()).toEqual([value, source]);
    };

    topicConfigTests(() => wire, run);

    test("a node's own settings are told and stay as they are", async () => {
      const keys = ["listeners", "log.dirs", "auto.create.topics.enable", "num.partitions"];
      const told = await entries(NODE, "1", [...keys, "node.id", "group.max.size"]);
      expect(told?.errorCode).toBe(0);
      const found = Object.fromEntries(told?.configs.map((one) => [one.name, one]) ?? []);
      expect(found["listeners"]?.value).toStartWith("PLAINTEXT://127.0.0.1:");
      expect(found["auto.create.topics.enable"]).toMatchObject({ value: "true", configType: 1 });
      expect(found["num.partitions"]).toMatchObject({ value: "1", configType: 3, readOnly: true });
      expect(found["node.id"]).toMatchObject({ value: "1", configSource: 4 });
      expect(found["log.dirs"]).toMatchObject({ configType: 7, readOnly: true });
      for (const key of keys.slice(1)) expect(await change(NODE, "1", [[key, SET, "9"]])).toBe(42);
    });

    test("the defaults of topics change while the node runs, for all nodes or this one", async () => {
      const key = "log.cleaner.min.compaction.lag.ms";
      const of = [TOPIC, topic, "min.compaction.lag.ms"] as const;
      expect(await change(NODE, "", [[key, SET, "6000"]])).toBe(0);
      await expectEntry(of, "6000", 3);
      expect((await entries(NODE, "", [key]))?.configs).toMatchObject([
        { value: "6000", configSource: 3 },
      ]);
      expect(await change(NODE, "1", [[key, SET, "5000"]])).toBe(0);
      await expectEntry(of, "5000", 2);
      const synonyms = (await entries(...([NODE, "1", [key]] as const)))?.configs[0]?.synonyms;
      expect(synonyms?.map(({ value, source }) => [value, source])).toEqual([
        ["5000", 2],
        ["6000", 3],
        ["0", 5],
      ]);
      expect(await change(NODE, "1", [[key, SET, "x"]])).toBe(42);
      expect(await change(NODE, "1", [[key, APPEND, "1"]])).toBe(40);
      expect(await change(NODE, "1", [[key, SET, "7"]], true)).toBe(0);
      expect(await change(NODE, "1", [[key, DELETE, null]])).toBe(0);
      await expectEntry(of, "6000", 3);
      expect(await change(NODE, "", [[key, DELETE, null]])).toBe(0);
      await expectEntry(of, "0", 5);
    });

    test("sizes of pools and buffers change while the node runs, limits and locks wait", async () => {
      const key = "num.replica.fetchers";
      expect(await change(NODE, "1", [[key, SET, "2"]])).toBe(0);
      await expectEntry([NODE, "1", key], "2", 2);
      expect(await change(NODE, "1", [[key, DELETE, null]])).toBe(0);
      await expectEntry([NODE, "1", key], "1", 5);
      for (const value of ["none", "0"])
        expect(await change(NODE, "1", [[key, SET, value]])).toBeOneOf([40, 42]);
      for (const limit of ["broker.rack", "socket.request.max.bytes"])
        expect(await change(NODE, "1", [[limit, SET, "1000"]])).toBe(42);
    });

    test("a group has settings of its own", async () => {
      const group = `${run}-g`;
      const key = "consumer.session.timeout.ms";
      await expectEntry([GROUP, group, key], "45000", 5);
      expect(await change(GROUP, group, [[key, SET, "50000"]])).toBe(0);
      await expectEntry([GROUP, group, key], "50000", 8);
      expect(await change(GROUP, group, [[key, SET, "1"]])).toBe(40);
      expect(await change(GROUP, group, [["no.such", SET, "1"]])).toBe(40);
      expect(await change(GROUP, "", [[key, SET, "50000"]])).toBe(42);
      expect((await entries(GROUP, ""))?.errorCode).toBe(42);
      expect(await listed([GROUP])).toContain(`${GROUP} ${group}`);
      expect(await change(GROUP, group, [[key, DELETE, null]])).toBe(0);
      await expectEntry([GROUP, group, key], "45000", 5);
    });

    test("what clients are asked to measure is kept by name", async () => {
      const metrics = `${run}-m`;
      const changes: readonly Change[] = [
        ["interval.ms", SET, "60000"],
        ["metrics", SET, "a,b"],
        ["match", SET, "client_id=x"],
      ];
      expect(await change(METRICS, metrics, changes)).toBe(0);
      await expectEntry([METRICS, metrics, "metrics"], "a,b", 7);
      expect(await change(METRICS, metrics, [["no.such", SET, "1"]])).toBe(42);
      expect(await change(METRICS, metrics, [["interval.ms", SET, "1"]])).toBe(42);
      expect(await change(METRICS, metrics, [["match", SET, "foo"]])).toBe(40);
      expect(await change(METRICS, "", [["interval.ms", SET, "60000"]])).toBe(42);
      expect(await listed([METRICS])).toContain(`${METRICS} ${metrics}`);
      const old = await wire.ask(listConfigResources, { resourceTypes: [] }, 0);
      expect(old.configResources.map((one) => one.resourceName)).toContain(metrics);
      const gone = changes.map(([key]) => [key, DELETE, null] as const);
      expect(await change(METRICS, metrics, gone)).toBe(0);
    });

    test("the log says more or less, while the node runs", async () => {
      expect((await entries(LOGGER, "1", ["root"]))?.configs).toMatchObject([
        { name: "root", value: "INFO", configSource: 6 },
      ]);
      expect(await change(LOGGER, "1", [["root", SET, "DEBUG"]])).toBe(0);
      await expectEntry([LOGGER, "1", "root"], "DEBUG", 6);
      expect(await change(LOGGER, "1", [["root", SET, "INFO"]])).toBe(0);
      expect(await change(LOGGER, "1", [["root", SET, "LOUD"]])).toBe(40);
      expect(await change(LOGGER, "1", [["no.such", SET, "INFO"]])).toBe(40);
      expect(await change(LOGGER, "1", [["root", APPEND, "INFO"]])).toBe(42);
      expect(await change(LOGGER, "1", [["root", DELETE, null]])).toBe(42);
      expect(await change(LOGGER, "9", [["root", SET, "INFO"]])).toBe(42);
      const resources = [{ resourceType: LOGGER, resourceName: "1", configs: [] }];
      const whole = await wire.ask(alterConfigs, { resources, validateOnly: false });
      expect(whole.responses[0]?.errorCode).toBe(42);
    });

    const listed = async (resourceTypes: readonly number[]): Promise<string[]> => {
      const answer = await wire.ask(listConfigResources, { resourceTypes });
      expect(answer.errorCode).toBe(0);
      return answer.configResources.map((one) => `${one.resourceType} ${one.resourceName}`);
    };

    test("resources with settings are listed by type", async () => {
      expect(await listed([])).toEqual(
        expect.arrayContaining([`${TOPIC} ${topic}`, `${NODE} 1`, `${LOGGER} 1`]),
      );
      expect((await listed([NODE, LOGGER])).toSorted()).toEqual([`${NODE} 1`, `${LOGGER} 1`]);
      const strange = await wire.ask(listConfigResources, { resourceTypes: [99] });
      expect(strange).toMatchObject({ errorCode: 35, configResources: [] });
    });
  });
}
