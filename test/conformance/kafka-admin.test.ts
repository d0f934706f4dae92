/** Administration over Kafka's protocol against a node in this process, in memory, on a port of its own. */
import { afterAll } from "bun:test";
import type { Node } from "../../src/node.ts";
import { anyPorts, startInProcess } from "./in-process-node.ts";
import { kafkaAdminSuite } from "./kafka-admin.ts";
import { kafkaClusterSuite } from "./kafka-cluster.ts";
import { kafkaConfigsSuite } from "./kafka-configs.ts";
import { kafkaQuotasSuite } from "./kafka-quotas.ts";

let opened: Promise<Node> | null = null;

async function open(): Promise<number> {
  const flags = ["--data", ":memory:", ...anyPorts];
  opened ??= startInProcess(flags, { logLevels: { level: "info" } });
  return (await opened).kafkaPorts.get("PLAINTEXT") ?? 0;
}

kafkaAdminSuite("in process", open);
kafkaClusterSuite("in process", open);
kafkaConfigsSuite("in process", open);
kafkaQuotasSuite("in process", open);

afterAll(async () => (await opened)?.stop());
