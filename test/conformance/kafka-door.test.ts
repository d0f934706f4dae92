/** The Kafka door of a node in this process, on a disk in memory and on files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

async function open(data = ":memory:") {
  const doors = ["--data", data, "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];
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
  suite("in process", () => open());

/** Storage takes over whole frames there, which are not to be looked at afterwards. */
kafkaDoorSuite("in process, over files", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kedge-door-"));
  const { address, close } = await open(join(directory, "data"));
  return {
    address,
    async close() {
      await close();
      await rm(directory, { recursive: true, force: true });
    },
  };
});
