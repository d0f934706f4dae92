/**
 * The suites of the Kafka door against Apache Kafka itself: what they ask of kedge is what Kafka does, or our reading is wrong.
 */
import { describe } from "bun:test";
import { kafkaBadInputSuite } from "../conformance/kafka-bad-input.ts";
import { kafkaConsumerGroupsSuite } from "../conformance/kafka-consumer-groups.ts";
import { kafkaDoorSuite } from "../conformance/kafka-door.ts";
import { kafkaGroupsSuite } from "../conformance/kafka-groups.ts";
import { kafkaTransactionsSuite } from "../conformance/kafka-transactions.ts";
import { kafkaMissing, startKafka } from "../peers/kafka.ts";

const missing = kafkaMissing();
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
describe.skipIf(missing !== null)("the door's suites", () => {
  for (const suite of [kafkaDoorSuite, kafkaBadInputSuite])
    suite("Apache Kafka", () => startKafka());
  kafkaConsumerGroupsSuite("Apache Kafka", () =>
    startKafka({ settings: { "group.consumer.assignment.interval.ms": "0" } }),
  );
  kafkaTransactionsSuite("Apache Kafka", () =>
    startKafka({
      settings: { "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100" },
    }),
  );
  kafkaGroupsSuite("Apache Kafka", () =>
    startKafka({ settings: { "group.min.session.timeout.ms": "100" } }),
  );
});
