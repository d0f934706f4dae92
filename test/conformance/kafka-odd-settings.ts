/**
 * Odd settings of nodes, and lists as settings of topics (`kafka-odd.ts`).
 */
import { createTopics } from "../../src/kafka/apis/19-create-topics.ts";
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { incrementalAlterConfigs } from "../../src/kafka/apis/44-incremental-alter-configs.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";

const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;
const GROUP = 32;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

type Change = readonly [name: string, configOperation: number, value: string | null];

async function change(
  world: OddWorld,
  [resourceType, resourceName]: readonly [number, string],
  changes: readonly Change[],
  validateOnly = false,
) {
  const configs = changes.map(([name, configOperation, value]) => ({
    name,
    configOperation,
    value,
  }));
  return world.ask(incrementalAlterConfigs, 1, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly,
  });
}

async function shown(
  world: OddWorld,
  [resourceType, resourceName]: readonly [number, string],
  configurationKeys: readonly string[] | null,
) {
  return world.ask(describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys }],
    includeSynonyms: true,
    includeDocumentation: false,
  });
}

/** Apache Kafka's broker hears of a change a moment later, and of a topic that is made after it later still. */
async function passed(world: OddWorld): Promise<void> {
  await world.topic(1);
}

const policies = [
  "delete,delete",
  "compact,compact",
  "delete,compact",
  "compact,delete,compact",
  "",
  ",",
  " ",
  "delete,",
  ",delete",
  "delete,,compact",
  " delete ",
  "delete , compact",
  "DELETE",
  "Compact,delete",
  "nothing",
  "delete,nothing",
  "delete compact",
];

export const oddSettings: OddCases = {
  "DescribeConfigs: numbers of nodes": async (world) => {
    const answers = [];
    for (const type of [BROKER, LOGGER])
      for (const name of ["1", "01", "+1", " 1", "1 ", "0x1", "1e0", "001", "-1", "1.0", "٣"])
        for (const keys of [["log.retention.ms"], ["root"]]) {
          const { results } = await world.connection.send(describeConfigs, 4, {
            resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
            includeSynonyms: false,
            includeDocumentation: false,
          });
          answers.push(results.map(({ errorCode, resourceName }) => ({ errorCode, resourceName })));
        }
    return answers;
  },
  "IncrementalAlterConfigs: numbers of nodes": async (world) => {
    const answers = [];
    for (const name of ["01", "+1", " 1", "1 ", "001", "1.0"])
      for (const type of [BROKER, LOGGER]) {
        const [key, value] = type === BROKER ? ["log.retention.ms", "1000000"] : ["root", "INFO"];
        answers.push(await change(world, [type, name], [[key, SET, value]], true));
      }
    return answers;
  },
  "CreateTopics: odd cleanup policies": async (world) => {
    const answers = [];
    for (const value of policies) {
      const name = world.group();
      const configs = [{ name: "cleanup.policy", value }];
      const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
      const made = await world.connection.send(createTopics, 7, {
        topics: [topic],
        timeoutMs: 5_000,
        validateOnly: true,
      });
      answers.push({
        value,
        codes: made.topics.map(({ errorCode }) => errorCode),
        configs: made.topics[0]?.configs?.filter((each) => each.name === "cleanup.policy") ?? null,
      });
    }
    return world.told(answers);
  },
  "IncrementalAlterConfigs: lists step by step": async (world) => {
    const answers = [];
    for (const [first, step, values] of [
      ["delete", APPEND, policies],
      ["compact,delete", SUBTRACT, policies],
      ["compact", SET, policies],
    ] as const) {
      const { name } = await world.topic(1);
      for (const value of values) {
        await change(world, [TOPIC, name], [["cleanup.policy", SET, first]]);
        answers.push({
          first,
          step,
          value,
          answer: await change(world, [TOPIC, name], [["cleanup.policy", step, value]]),
        });
      }
    }
    return answers;
  },
  "IncrementalAlterConfigs: what steps leave of a list": async (world) => {
    const answers = [];
    for (const [first, step, value] of [
      ["delete", APPEND, "compact,delete,compact"],
      ["delete", APPEND, " compact "],
      ["compact,delete", SUBTRACT, "compact"],
      ["compact,delete", SUBTRACT, "compact,delete"],
      ["delete", SET, "compact , delete"],
    ] as const) {
      const { name } = await world.topic(1, [{ name: "cleanup.policy", value: first }]);
      const answer = await change(world, [TOPIC, name], [["cleanup.policy", step, value]]);
      await passed(world);
      answers.push({ answer, kept: await shown(world, [TOPIC, name], ["cleanup.policy"]) });
    }
    return answers;
  },
  "IncrementalAlterConfigs: throttled replicas step by step": async (world) => {
    const { name } = await world.topic(1);
    const key = "leader.replication.throttled.replicas";
    const answers = [];
    for (const [step, value] of [
      [APPEND, "0:1"],
      [APPEND, "0:2,0:1"],
      [SUBTRACT, "9:9"],
      [APPEND, ""],
      [SET, "*"],
      [APPEND, "0:1"],
      [SET, "nothing"],
      [SET, ""],
      [SET, "0:1,0:1"],
      [SUBTRACT, "0:1"],
      [DELETE, "0:1"],
    ] as const) {
      answers.push(await change(world, [TOPIC, name], [[key, step, value]]));
      await passed(world);
      answers.push(await shown(world, [TOPIC, name], [key]));
    }
    return answers;
  },
  "DescribeConfigs: values as they are shown": async (world) => {
    const answers = [];
    for (const [key, value] of [
      ["retention.ms", " 1000 "],
      ["retention.ms", "+1000"],
      ["retention.ms", "007"],
      ["segment.ms", " 1048576"],
      ["preallocate", " TRUE "],
      ["min.cleanable.dirty.ratio", ".5"],
      ["min.cleanable.dirty.ratio", " 1 "],
      ["min.cleanable.dirty.ratio", "0.0001"],
      ["compression.type", "gzip"],
      ["follower.replication.throttled.replicas", " 0:1 , 1:1 "],
    ] as const) {
      const { name } = await world.topic(1, [{ name: key, value }]);
      answers.push(await shown(world, [TOPIC, name], [key]));
    }
    return answers;
  },
  "IncrementalAlterConfigs: groups and values that are at the edge": async (world) => {
    const group = world.group();
    const { name } = await world.topic(1);
    const answers = [];
    for (const [where, key, value] of [
      [GROUP, "consumer.session.timeout.ms", ""],
      [GROUP, "consumer.session.timeout.ms", " 50000 "],
      [GROUP, "consumer.session.timeout.ms", "50000.0"],
      [GROUP, "consumer.heartbeat.interval.ms", "0"],
      [TOPIC, "retention.ms", " 1000 "],
      [TOPIC, "retention.ms", "+1000"],
      [TOPIC, "retention.ms", "1e3"],
      [TOPIC, "retention.ms", "0x10"],
      [TOPIC, "retention.ms", "9223372036854775808"],
      [TOPIC, "retention.ms", "-1"],
      [TOPIC, "segment.bytes", "1"],
      [TOPIC, "segment.bytes", "2147483648"],
      [TOPIC, "min.cleanable.dirty.ratio", "1.5"],
      [TOPIC, "min.cleanable.dirty.ratio", ".5"],
      [TOPIC, "preallocate", "TRUE"],
      [TOPIC, "preallocate", "yes"],
      [TOPIC, "message.timestamp.type", "createtime"],
      [TOPIC, "compression.type", "GZIP"],
      [TOPIC, "compression.gzip.level", "10"],
      [TOPIC, "compression.gzip.level", "0"],
      [TOPIC, "compression.zstd.level", "99"],
      [TOPIC, "compression.lz4.level", "0"],
      [TOPIC, "max.message.bytes", "-1"],
      [TOPIC, "remote.storage.enable", "true"],
      [TOPIC, "local.retention.ms", "-3"],
      [TOPIC, "flush.messages", "0"],
      [TOPIC, "message.format.version", "3.0"],
      [TOPIC, "Retention.ms", "1"],
    ] as const)
      answers.push({
        key,
        value,
        answer: await change(
          world,
          [where, where === GROUP ? group : name],
          [[key, SET, value]],
          true,
        ),
      });
    return answers;
  },
};
