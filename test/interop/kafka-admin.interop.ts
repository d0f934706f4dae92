/**
 * The suites of Kafka's administration against Apache Kafka itself: what they ask of our nodes must be what Kafka does.
 *
 * - The broker is one of this suite's own, in folders and on ports of its own.
 */
import { afterAll, test } from "bun:test";
import { kafkaAdminSuite } from "../conformance/kafka-admin.ts";
import { kafkaClusterSuite } from "../conformance/kafka-cluster.ts";
import { kafkaConfigsSuite } from "../conformance/kafka-configs.ts";
import { kafkaQuotasSuite } from "../conformance/kafka-quotas.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka } from "./kafka-broker.ts";

const missing = kafkaMissing();

if (missing !== null) {
  test.skip(`Kafka administration, Apache Kafka: ${missing}`, () => {});
} else {
  let starting: Promise<InteropBroker> | null = null;
  const open = async (): Promise<number> => {
    const { bootstrap } = await (starting ??= startApacheKafka());
    return Number(bootstrap.split(":")[1]);
  };
  kafkaAdminSuite("Apache Kafka", open);
  kafkaClusterSuite("Apache Kafka", open);
  kafkaConfigsSuite("Apache Kafka", open);
  kafkaQuotasSuite("Apache Kafka", open);
  afterAll(async () => (await starting)?.stop());
}
