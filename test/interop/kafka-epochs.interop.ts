/**
 * Epochs that are used up, against Apache Kafka itself and against kedge.
 */
import { describe } from "bun:test";
import { anyPorts, kafkaAddress, startInProcess } from "../conformance/in-process-node.ts";
import { kafkaEpochsSuite } from "../conformance/kafka-epochs.ts";
import { kafkaMissing, startKafka } from "../peers/kafka.ts";

const missing = kafkaMissing();
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
describe.skipIf(missing !== null || process.env["KEDGE_ONLY"] === "1")("the peer", () => {
  kafkaEpochsSuite("Apache Kafka", () => startKafka());
});

kafkaEpochsSuite("kedge", async () => {
  const node = await startInProcess(["--data", ":memory:", ...anyPorts]);
  return { address: kafkaAddress(node), close: () => node.stop() };
});
