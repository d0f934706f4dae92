/**
 * Epochs that are used up, against Apache Kafka itself and against kedge.
 */
import { describe } from "bun:test";
import { anyPorts, kafkaAddress, startInProcess } from "../conformance/in-process-node.ts";
import { kafkaEpochsSuite } from "../conformance/kafka-epochs.ts";
import { javaMissing } from "../peers/java.ts";
import { startKafka } from "../peers/kafka.ts";

const missing = javaMissing();
if (missing !== null) console.log(missing);
describe.skipIf(missing !== null || process.env["KEDGE_ONLY"] === "1")("the peer", () => {
  kafkaEpochsSuite("Apache Kafka", () => startKafka());
});

kafkaEpochsSuite("kedge", async () => {
  const node = await startInProcess(["--data", ":memory:", ...anyPorts]);
  return { address: kafkaAddress(node), close: () => node.stop() };
});
