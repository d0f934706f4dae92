/**
 * A node in this process, in memory, with a Kafka listener on a port of its own: what the suites over Kafka's protocol that
 * also hold of Apache Kafka are run against in the gate.
 */
import { loadConfig } from "../../src/config.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { type Node, startNode } from "../../src/node.ts";
import { detectPlatform } from "../../src/runtime/runtime.ts";

export async function openKafkaNode(): Promise<{ port: number; stop: Node["stop"] }> {
  const args = ["--data", ":memory:", "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];
  const { config } = await loadConfig({ args, env: {}, readFile: async () => "" });
  const onFatal = (error: unknown) => {
    throw error;
  };
  const platform = await detectPlatform();
  const node = await startNode(config, {
    platform,
    logger: silentLogger,
    logLevels: { level: "info" },
    version: "test",
    onFatal,
  });
  const [port] = node.kafkaPorts.values();
  if (port === undefined) throw new Error("the node has no Kafka listener");
  return { port, stop: () => node.stop() };
}
