/**
 * The suites of the Kafka door against Apache Kafka itself: what they ask of kedge is what Kafka does, or our reading is wrong.
 */
import { describe } from "bun:test";
import { kafkaBadInputSuite } from "../conformance/kafka-bad-input.ts";
import { kafkaConsumerGroupsSuite } from "../conformance/kafka-consumer-groups.ts";
import { kafkaDoorSuite } from "../conformance/kafka-door.ts";
import { kafkaGroupsSuite } from "../conformance/kafka-groups.ts";
import { kafkaLargeStateSuite } from "../conformance/kafka-large-state.ts";
import {
  kafkaLargeTransactionSuite,
  smallStates,
} from "../conformance/kafka-large-transactions.ts";
import { kafkaTransactionsSuite } from "../conformance/kafka-transactions.ts";
import { kafkaMissing, startKafka } from "../peers/kafka.ts";

/** More than a record of its offsets topic takes; with much more it runs out of memory. */
const KAFKA_LARGE_BYTES = 2 * 1024 * 1024;
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
  kafkaLargeStateSuite("Apache Kafka", () => startKafka({ heap: "-Xmx640m" }), KAFKA_LARGE_BYTES);
  kafkaLargeTransactionSuite("Apache Kafka", () => startKafka({ settings: smallStates }));
  kafkaGroupsSuite("Apache Kafka", () =>
    startKafka({ settings: { "group.min.session.timeout.ms": "100" } }),
  );
});
