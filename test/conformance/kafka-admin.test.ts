/** Administration over Kafka's protocol against a node in this process, in memory, on a port of its own. */
import { afterAll } from "bun:test";
import { loadConfig } from "../../src/config.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { type Node, startNode } from "../../src/node.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";
import { kafkaAdminSuite } from "./kafka-admin.ts";

let node: Node | null = null;

kafkaAdminSuite("in process", async () => {
  const args = ["--data", ":memory:", "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];
  const { config } = await loadConfig({ args, env: {}, readFile: async () => "" });
  const onFatal = (error: unknown) => {
    throw error;
  };
  const platform = await detectPlatform();
  node = await startNode(config, { platform, logger: silentLogger, version: "test", onFatal });
  const [port] = node.kafkaPorts.values();
  if (port === undefined) throw new Error("the node has no Kafka listener");
  return port;
});

afterAll(() => node?.stop());
