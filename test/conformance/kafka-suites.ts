/**
 * The suites that any Kafka door of one node passes, and the settings that they ask of it: without them groups form and end
 * later than the suites wait.
 */
import { kafkaAdminSuite } from "./kafka-admin.ts";
import { kafkaBadInputSuite } from "./kafka-bad-input.ts";
import { kafkaClusterSuite } from "./kafka-cluster.ts";
import { kafkaConfigsSuite } from "./kafka-configs.ts";
import { kafkaConsumerGroupsSuite } from "./kafka-consumer-groups.ts";
import { kafkaDoorSuite } from "./kafka-door.ts";
import { kafkaGroupsSuite } from "./kafka-groups.ts";
import { kafkaLargeStateSuite } from "./kafka-large-state.ts";
import { kafkaQuotasSuite } from "./kafka-quotas.ts";
import { kafkaTransactionsSuite } from "./kafka-transactions.ts";

export const kafkaSuites = [
  kafkaDoorSuite,
  kafkaBadInputSuite,
  kafkaGroupsSuite,
  kafkaConsumerGroupsSuite,
  kafkaTransactionsSuite,
  kafkaLargeStateSuite,
];

/** Those of administration, which look at a whole node and change its settings: a port is what they are given. */
export const kafkaAdminSuites = [
  kafkaAdminSuite,
  kafkaClusterSuite,
  kafkaConfigsSuite,
  kafkaQuotasSuite,
];

/** For `serve`. */
export const quickGroups = [
  "--group-initial-rebalance-delay-ms",
  "0",
  "--group-consumer-assignment-interval-ms",
  "0",
  "--group-min-session-timeout-ms",
  "100",
];
