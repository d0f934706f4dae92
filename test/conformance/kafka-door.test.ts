/** The Kafka door of a node in this process, on a disk in memory. */
import { loadConfig } from "../../src/config.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { startNode } from "../../src/node.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";
import { kafkaBadInputSuite } from "./kafka-bad-input.ts";
import { kafkaGroupsSuite } from "./kafka-groups.ts";
import { kafkaConsumerGroupsSuite } from "./kafka-consumer-groups.ts";
import { kafkaTransactionsSuite } from "./kafka-transactions.ts";
import { kafkaDoorSuite } from "./kafka-door.ts";

/** What the groups' suite asks of both. */
const quickGroups = [
  "--group-initial-rebalance-delay-ms",
  "0",
  "--group-consumer-assignment-interval-ms",
  "0",
  "--group-min-session-timeout-ms",
  "100",
];

async function open() {
  const doors = ["--data", ":memory:", "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];
  const args = [...doors, ...quickGroups];
  const readFile = () => Promise.reject(new Error("no file"));
  const { config } = await loadConfig({ args, env: {}, readFile });
  const node = await startNode(config, {
    platform: await detectPlatform(),
    logger: silentLogger,
    version: "test",
    onFatal: (error) => {
      throw error;
    },
  });
  return {
    address: `127.0.0.1:${node.kafkaPorts.get("PLAINTEXT") ?? 0}`,
    close: () => node.stop(),
  };
}

for (const suite of [
  kafkaDoorSuite,
  kafkaBadInputSuite,
  kafkaGroupsSuite,
  kafkaConsumerGroupsSuite,
  kafkaTransactionsSuite,
])
  suite("in process", open);
