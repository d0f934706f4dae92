/**
 * The suites of Kafka's administration against Apache Kafka itself: what they ask of our nodes must be what Kafka does.
 *
 * - The broker is one of this suite's own, in folders and on ports of its own.
 */
import { afterAll, test } from "bun:test";
import { kafkaAdminSuites } from "../conformance/kafka-suites.ts";
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
  for (const suite of kafkaAdminSuites) suite("Apache Kafka", open);
  afterAll(async () => (await starting)?.stop());
}
