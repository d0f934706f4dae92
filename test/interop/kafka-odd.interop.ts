/**
 * Odd requests to Apache Kafka itself: what is kept of its answers is still what it says.
 */
import { test } from "bun:test";
import { kafkaOddSuites, oddKafkaSettings } from "../conformance/kafka-odd-suites.ts";
import { kafkaMissing, startKafka } from "../peers/kafka.ts";

const missing = kafkaMissing();
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
if (missing === null)
  await kafkaOddSuites("Apache Kafka", () => startKafka({ settings: oddKafkaSettings }));
else test.skip(`odd requests: ${missing}`, () => {});
