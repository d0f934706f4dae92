/**
 * Epochs that are used up, against Apache Kafka itself and against kedge.
 */
import { describe } from "bun:test";
import { kafkaEpochsSuite } from "../conformance/kafka-epochs.ts";
import { openKafkaNode } from "../conformance/kafka-node.ts";
import { javaMissing } from "../peers/java.ts";
import { startKafka } from "../peers/kafka.ts";

const missing = javaMissing();
if (missing !== null) console.log(missing);
describe.skipIf(missing !== null || process.env["KEDGE_ONLY"] === "1")("the peer", () => {
  kafkaEpochsSuite("Apache Kafka", () => startKafka());
});

kafkaEpochsSuite("kedge", async () => {
  const { port, stop } = await openKafkaNode();
  return { address: `127.0.0.1:${port}`, close: stop };
});
