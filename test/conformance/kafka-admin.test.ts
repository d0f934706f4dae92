/** Administration over Kafka's protocol against a node in this process, in memory, on a port of its own. */
import { afterAll } from "bun:test";
import { kafkaAdminSuite } from "./kafka-admin.ts";
import { kafkaClusterSuite } from "./kafka-cluster.ts";
import { kafkaConfigsSuite } from "./kafka-configs.ts";
import { openKafkaNode } from "./kafka-node.ts";
import { kafkaQuotasSuite } from "./kafka-quotas.ts";

let opened: ReturnType<typeof openKafkaNode> | null = null;

async function open(): Promise<number> {
  opened ??= openKafkaNode();
  return (await opened).port;
}

kafkaAdminSuite("in process", open);
kafkaClusterSuite("in process", open);
kafkaConfigsSuite("in process", open);
kafkaQuotasSuite("in process", open);

afterAll(async () => (await opened)?.stop());
