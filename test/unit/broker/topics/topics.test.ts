/**
 * Topics by Kafka's rules, over a real controller and real (memory) storage: what is refused, what is made, and that a
 * crash between the metadata and the logs heals.
 */
import { describe, expect, test } from "bun:test";
import { PARTITIONS_PER_TOPIC_MAX } from "../../../../src/broker/topics/rules.ts";
import { topicVerbs, type DescribedLog } from "../../../../src/broker/topics/topics.ts";
import type { Context, NewTopic } from "../../../../src/broker/verbs.ts";
import { Controller } from "../../../../src/cluster/controller.ts";
import type { Clock } from "../../../../src/lib/clock.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { Logs } from "../../../../src/log/logs.ts";
import { MemoryDisk } from "../../../../src/storage/memory/disk.ts";
import {
  MemoryMetadataDisk,
  memoryMetadataStore,
} from "../../../../src/storage/memory/metadata.ts";
import { memoryStorage } from "../../../../src/storage/memory/memory.ts";
import { StorageFault, type PartitionState } from "../../../../src/storage/storage.ts";

const context: Context = { principal: "User:a", clientId: "c", host: "h", listener: "http" };

/** A clock whose timers fire when told. */
class ManualClock implements Clock {
  readonly waiting: (() => void)[] = [];
  nowMs = () => 0;
  monotonicMs = () => 0;
  turn = () => Promise.resolve();
  after(_delayMs: number, fire: () => void) {
    this.waiting.push(fire);
    return { cancel() {} };
  }
}

class TestLog implements DescribedLog {
  refreshed = 0;
  closed = false;
  readonly #state: PartitionState;

  constructor(state: PartitionState) {
    this.#state = state;
  }

  ends() {
    const { logStart, end, epoch } = this.#state;
    return { logStart, highWatermark: end, lastStable: end, epoch };
  }

  bytes = () => 0;
  refresh() {
    this.refreshed += 1;
  }
  close() {
    this.closed = true;
  }
}

async function start(disk = new MemoryDisk(), metadata = new MemoryMetadataDisk()) {
  const random = seededRandom(7);
  const clock = new ManualClock();
  const storage = memoryStorage(disk);
  const store = memoryMetadataStore(metadata);
  const controller = await Controller.open({ store, random, logger: silentLogger });
  const logs = await Logs.open<TestLog>({
    storage,
    image: controller.image,
    clock,
    logger: silentLogger,
    openLog: (state) => new TestLog(state),
  });
  controller.onEffects((effects) => logs.follow(effects));
  const configDefaults = { "retention.ms": "1000" };
  const verbs = topicVerbs({ controller, logs, random, partitionsDefault: 2, configDefaults });
  return { disk, metadata, storage, controller, logs, verbs, clock };
}

const plain = (name: string, more: Partial<NewTopic> = {}): NewTopic => ({
  name,
  partitions: -1,
  replicationFactor: -1,
  configs: {},
  ...more,
});

async function refusalOf(task: () => unknown): Promise<string> {
  try {
    await task();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "granted";
}

describe("creating", () => {
  test("takes defaults and makes the logs before it answers", async () => {
    const { verbs, logs, storage } = await start();
    const made = await verbs.createTopic(context, plain("orders"));
    expect(made).toMatchObject({
      name: "orders",
      partitions: 2,
      replicationFactor: 1,
      internal: false,
    });
    expect(
      made.partitionList.map(({ index, leader, replicas }) => [index, leader, replicas]),
    ).toEqual([
      [0, 1, [1]],
      [1, 1, [1]],
    ]);
    expect(made.configs.find(({ name }) => name === "retention.ms")).toEqual({
      name: "retention.ms",
      value: "1000",
      source: "node",
    });
    expect(logs.log(made.id, 1)).not.toBeNull();
    expect(await storage.partitions()).toHaveLength(2);
    expect(verbs.topicById(context, made.id).name).toBe("orders");
  });

  const cases: readonly (readonly [string, NewTopic, string])[] = [
    ["an empty name", plain(""), "invalid_topic_exception"],
    ["a dot", plain("."), "invalid_topic_exception"],
    ["two dots", plain(".."), "invalid_topic_exception"],
    ["a space", plain("a b"), "invalid_topic_exception"],
    ["a newline at the end", plain("a\n"), "invalid_topic_exception"],
    ["a letter beyond ASCII", plain("é"), "invalid_topic_exception"],
    ["250 letters", plain("a".repeat(250)), "invalid_topic_exception"],
    ["249 letters", plain("a".repeat(249)), "granted"],
    ["a name taken", plain("there.is"), "topic_already_exists"],
    ["a collision of . and _", plain("there_is"), "invalid_topic_exception"],
    ["an internal name", plain("__consumer_offsets"), "topic_authorization_failed"],
    ["no partitions", plain("a", { partitions: 0 }), "invalid_partitions"],
    ["half a partition", plain("a", { partitions: 1.5 }), "invalid_partitions"],
    ["-2 partitions", plain("a", { partitions: -2 }), "invalid_partitions"],
    ["too many", plain("a", { partitions: PARTITIONS_PER_TOPIC_MAX + 1 }), "invalid_partitions"],
    [
      "two replicas on one node",
      plain("a", { replicationFactor: 2 }),
      "invalid_replication_factor",
    ],
    ["no replica", plain("a", { replicationFactor: 0 }), "invalid_replication_factor"],
    ["an unknown config", plain("a", { configs: { "retention.msx": "1" } }), "invalid_config"],
    ["a wrong value", plain("a", { configs: { "retention.ms": "soon" } }), "invalid_config"],
  ];
  test.each(cases)("%s", async (_name, topic, expected) => {
    const { verbs, controller } = await start();
    await verbs.createTopic(context, plain("there.is"));
    const before = controller.image.index;
    expect(
      await refusalOf(() => verbs.createTopic(context, { ...topic, validateOnly: true })),
    ).toBe(expected);
    expect(controller.image.index).toBe(before);
    expect(await refusalOf(() => verbs.createTopic(context, topic))).toBe(expected);
    expect(controller.image.index > before).toBe(expected === "granted");
  });

  test("of two at once with one name, one is granted; to both it may be written then", async () => {
    const { verbs, logs, storage } = await start();
    const create = storage.create.bind(storage);
    storage.create = async (keys) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return create(keys);
    };
    const hasLogs = () => logs.log(verbs.describeTopic(context, "a").id, 0) !== null;
    const outcomes = await Promise.all(
      [1, 2].map(async () => [
        await refusalOf(() => verbs.createTopic(context, plain("a"))),
        hasLogs(),
      ]),
    );
    expect(outcomes).toEqual([
      ["granted", true],
      ["topic_already_exists", true],
    ]);
  });
});

describe("deleting", () => {
  test("closes and drops the logs; the name made anew has another id and empty logs", async () => {
    const { verbs, logs, storage } = await start();
    const first = await verbs.createTopic(
      context,
      plain("a", { configs: { "retention.ms": "5" } }),
    );
    const log = logs.log(first.id, 0);
    await verbs.deleteTopic(context, "a");
    expect(log?.closed).toBe(true);
    expect(await storage.partitions()).toEqual([]);
    expect(verbs.listTopics(context)).toEqual([]);
    const second = await verbs.createTopic(context, plain("a"));
    expect(second.id).not.toBe(first.id);
    expect(second.configs.find(({ name }) => name === "retention.ms")?.source).toBe("node");
    expect(await refusalOf(() => verbs.topicById(context, first.id))).toBe(
      "unknown_topic_or_partition",
    );
  });

  test.each([
    ["no such topic", "b", "unknown_topic_or_partition"],
    ["internal", "__consumer_offsets", "topic_authorization_failed"],
  ])("%s", async (_name, topic, expected) => {
    const { verbs } = await start();
    expect(await refusalOf(() => verbs.deleteTopic(context, topic))).toBe(expected);
  });
});

describe("altering", () => {
  test("grows, sets and unsets; logs hear of it", async () => {
    const { verbs, logs } = await start();
    const { id } = await verbs.createTopic(context, plain("a"));
    await verbs.alterTopic(context, "a", { partitions: 4, configs: { "retention.ms": "60000" } });
    expect(verbs.describeTopic(context, "a").partitionList).toHaveLength(4);
    expect(logs.log(id, 3)).not.toBeNull();
    expect(logs.log(id, 0)?.refreshed).toBe(1);
    const back = await verbs.alterTopic(context, "a", { configs: { "retention.ms": null } });
    expect(back.configs.find(({ name }) => name === "retention.ms")?.value).toBe("1000");
  });

  test("the same again changes nothing", async () => {
    const { verbs, controller } = await start();
    await verbs.createTopic(context, plain("a"));
    const change = { partitions: 3, configs: { "retention.ms": "60000" } };
    await verbs.alterTopic(context, "a", change);
    const { index } = controller.image;
    await verbs.alterTopic(context, "a", change);
    expect(controller.image.index).toBe(index);
  });

  test.each([
    ["fewer partitions", { partitions: 1 }, "invalid_partitions"],
    ["an unknown config set", { configs: { x: "1" } }, "invalid_config"],
    ["an unknown config unset", { configs: { x: null } }, "invalid_config"],
    ["a known config unset twice", { configs: { "retention.ms": null } }, "granted"],
    [
      "one good, one bad: neither",
      { partitions: 9, configs: { "retention.ms": "?" } },
      "invalid_config",
    ],
  ])("%s", async (_name, change, expected) => {
    const { verbs } = await start();
    await verbs.createTopic(context, plain("a"));
    expect(await refusalOf(() => verbs.alterTopic(context, "a", change))).toBe(expected);
    expect(verbs.describeTopic(context, "a").partitions).toBe(2);
  });
});

describe("a crash between metadata and logs", () => {
  test("after a create: the logs are made at the next start", async () => {
    const { disk, metadata, controller } = await start();
    await controller.submit(() => [
      { type: "topic", version: 0, name: "a", id: "T" },
      {
        type: "partition",
        version: 0,
        topicId: "T",
        index: 0,
        replicas: [1],
        inSyncReplicas: [1],
        leader: 1,
        leaderEpoch: 0,
        partitionEpoch: 0,
      },
    ]);
    disk.crash();
    const { logs, storage } = await start(disk, metadata);
    expect(logs.log("T", 0)).not.toBeNull();
    expect(await storage.partitions()).toHaveLength(1);
  });

  test("after a delete: the leftovers are dropped at the next start", async () => {
    const { disk, metadata, controller, verbs } = await start();
    const { id } = await verbs.createTopic(context, plain("a"));
    disk.ioFault = "before";
    await controller.submit(() => [{ type: "remove-topic", version: 0, id }]);
    disk.crash();
    disk.ioFault = null;
    expect(disk.image.partitions.size).toBe(2);
    const { logs, storage } = await start(disk, metadata);
    expect(logs.log(id, 0)).toBeNull();
    await logs.settled();
    expect(await storage.partitions()).toEqual([]);
  });

  test("a full disk: the topic stands, its logs follow once there is room", async () => {
    const { storage, verbs, logs, clock } = await start();
    const create = storage.create.bind(storage);
    storage.create = () => Promise.reject(new StorageFault("full", "no room"));
    const { id } = await verbs.createTopic(context, plain("a"));
    expect(logs.log(id, 0)).toBeNull();
    storage.create = create;
    for (const fire of clock.waiting.splice(0)) fire();
    await logs.settled();
    expect(logs.log(id, 0)).not.toBeNull();
  });
});
