/**
 * Odd requests about settings (`kafka-odd.ts`).
 */
import { describeConfigs } from "../../src/kafka/apis/32-describe-configs.ts";
import { alterConfigs } from "../../src/kafka/apis/33-alter-configs.ts";
import { incrementalAlterConfigs } from "../../src/kafka/apis/44-incremental-alter-configs.ts";
import type { OddCases, OddWorld } from "./kafka-odd.ts";

const TOPIC = 2;
const BROKER = 4;
const LOGGER = 8;
const METRICS = 16;
const GROUP = 32;
const SET = 0;
const DELETE = 1;

const longName = "x".repeat(250);
const wrongNames = ["", "a b", "..", longName, "not-there", "__consumer_offsets"];

/** Settings of brokers that nobody has set while they ran. */
const notSet = [
  "max.connections",
  "listeners",
  "log.retention.hours",
  "log.retention.ms",
  "node.id",
  "ssl.keystore.location",
  "listener.name.x.max.connections",
  "retention.ms",
  "nothing",
  "",
];

interface Altering {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly { name: string; value: string | null }[];
}

export const oddConfigs: OddCases = {
  "DescribeConfigs: odd resources": async (world) => {
    const { name } = await world.topic();
    const own = (resourceType: number, resourceName: string, keys: string[] | null = []) => ({
      resourceType,
      resourceName,
      configurationKeys: keys,
    });
    const answers = [];
    for (const resources of [
      wrongNames.map((each) => own(TOPIC, each)),
      [own(TOPIC, name, ["retention.ms", "retention.ms", "nothing", ""])],
      ["", "1", "9", "-1", "x", "1.0"].map((each) => own(BROKER, each)),
      ["", "1", "9", "x"].map((each) => own(LOGGER, each)),
      ["", "a b", "not-there"].map((each) => own(METRICS, each)),
      ["", "a b", "not-there"].map((each) => own(GROUP, each, [])),
      [0, 1, 3, 64, -1, 127].map((type) => own(type, "x")),
      [],
    ]) {
      const asked = { resources, includeSynonyms: false, includeDocumentation: false };
      const { results } = await world.connection.send(describeConfigs, 4, asked);
      answers.push({
        results: results.map(({ configs, errorCode, resourceName, resourceType }) => ({
          errorCode,
          resourceName,
          resourceType,
          configs: configs.length > 0 && resourceType === TOPIC ? "some" : "left out",
        })),
      });
    }
    return world.told(answers);
  },
  // One by one: Apache Kafka never answers some that name several.
  "AlterConfigs: odd resources": async (world) => {
    const { name } = await world.topic();
    const own = (
      resourceType: number,
      resourceName: string,
      key: string,
      value: string | null,
    ) => ({
      resourceType,
      resourceName,
      configs: [{ name: key, value }],
    });
    const answers = [];
    for (const resource of [
      ...wrongNames.slice(1, 5).map((each) => own(TOPIC, each, "retention.ms", "1000")),
      own(TOPIC, name, "retention.ms", null),
      ...["1", "9", "-1", "x"].map((each) => own(BROKER, each, "log.retention.ms", "1000000")),
      ...["1", "9", "x"].map((each) => own(LOGGER, each, "root", "INFO")),
      ...["", "a b"].map((each) => own(METRICS, each, "interval.ms", "1000")),
      ...[0, 1, 3, 64, -1, 127].map((type) => own(type, "x", "retention.ms", "1000")),
    ])
      answers.push(await world.ask(alterConfigs, 2, { resources: [resource], validateOnly: true }));
    return answers;
  },
  "IncrementalAlterConfigs: odd resources": (world) =>
    alter(world, (resources) =>
      world.ask(incrementalAlterConfigs, 1, {
        resources: resources.map(({ configs, ...rest }) => ({
          ...rest,
          configs: configs.map((config) => ({ ...config, configOperation: SET })),
        })),
        validateOnly: true,
      }),
    ),
  "IncrementalAlterConfigs: odd operations": async (world) => {
    const { name } = await world.topic();
    const answers = [];
    for (const configs of [
      [["retention.ms", 7, "1"]],
      [["retention.ms", -1, "1"]],
      [["retention.ms", 2, "1"]],
      [["retention.ms", 3, "1"]],
      [["retention.ms", 1, "1"]],
      [["retention.ms", 1, null]],
      [["retention.ms", 0, null]],
      [["cleanup.policy", 2, "delete"]],
      [["cleanup.policy", 3, "compact"]],
      [["cleanup.policy", 3, "delete"]],
      [["cleanup.policy", 2, null]],
      [["cleanup.policy", 2, "nothing"]],
      [
        ["retention.ms", 0, "1"],
        ["retention.ms", 0, "2"],
      ],
      [
        ["retention.ms", 0, "1"],
        ["retention.ms", 1, null],
      ],
      [["nothing", 1, null]],
      [["nothing", 0, "1"]],
      [["", 0, "1"]],
    ] as const) {
      const resource = {
        resourceType: TOPIC,
        resourceName: name,
        configs: configs.map(([key, configOperation, value]) => ({
          name: key,
          configOperation,
          value,
        })),
      };
      const asked = { resources: [resource], validateOnly: true };
      answers.push(await world.ask(incrementalAlterConfigs, 1, asked));
    }
    return answers;
  },
  "IncrementalAlterConfigs: what is not set of a node, deleted": async (world) => {
    const answers = [];
    for (const resourceName of ["", "1"])
      for (const name of notSet) {
        const configs = [{ name, configOperation: DELETE, value: null }];
        const resource = { resourceType: BROKER, resourceName, configs };
        const asked = { resources: [resource], validateOnly: false };
        answers.push(await world.ask(incrementalAlterConfigs, 1, asked));
      }
    return answers;
  },
};

async function alter(world: OddWorld, ask: (resources: readonly Altering[]) => Promise<unknown>) {
  const { name } = await world.topic();
  const own = (
    resourceType: number,
    resourceName: string,
    ...configs: { name: string; value: string | null }[]
  ) => ({ resourceType, resourceName, configs });
  const retention = { name: "retention.ms", value: "1000" };
  const session = { name: "consumer.session.timeout.ms", value: "50000" };
  const answers = [];
  const nodes = ["", "1", "9", "-1", "x"];
  for (const resources of [
    [own(TOPIC, name, retention), own(TOPIC, name, retention)],
    [own(TOPIC, name, retention), own(TOPIC, name, retention), own(TOPIC, "a b", retention)],
    [own(TOPIC, name, retention, retention)],
    wrongNames.slice(0, 5).map((each) => own(TOPIC, each, retention)),
    wrongNames.slice(0, 5).map((each) => own(TOPIC, each)),
    [own(TOPIC, name, { name: "retention.ms", value: null })],
    [own(TOPIC, name, { name: "min.insync.replicas", value: "2" })],
    nodes.map((each) => own(BROKER, each, { name: "min.insync.replicas", value: "1" })),
    nodes.map((each) => own(BROKER, each, { name: "log.retention.ms", value: "1000000" })),
    nodes.slice(0, 2).map((each) => own(BROKER, each, { name: "node.id", value: "1" })),
    ["", "1", "9", "x"].map((each) => own(LOGGER, each, { name: "root", value: "INFO" })),
    [own(LOGGER, "1", { name: "root", value: "nothing" })],
    [own(LOGGER, "1", { name: "nothing", value: "INFO" })],
    ["", "a b", "not-there"].map((each) =>
      own(METRICS, each, { name: "interval.ms", value: "1000" }),
    ),
    [own(METRICS, "x", { name: "nothing", value: "1" })],
    [own(METRICS, "x", { name: "interval.ms", value: "1" })],
    ["", "a b", "not-there"].map((each) => own(GROUP, each, session)),
    [own(GROUP, "x", { name: "nothing", value: "1" })],
    [own(GROUP, "x", { name: "consumer.session.timeout.ms", value: "1" })],
    [0, 1, 3, 64, -1, 127].map((type) => own(type, "x", retention)),
    [],
  ])
    answers.push(await ask(resources));
  return answers;
}
