/**
 * What a node can be told about groups, in the words of Kafka's broker settings.
 */
import { integer, one, oneOf, type Setting, type ValuesOf } from "../../lib/setting.ts";
import { defaultGroupConfig, type GroupConfig } from "./group.ts";

export const groupSettings = {
  "group-max-size": one(
    integer(1, 100_000),
    "10000",
    "Members that one group may have.",
    "group.max.size",
  ),
  "group-initial-rebalance-delay-ms": one(
    integer(0, 2 ** 31 - 1),
    "3000",
    "How long a new group waits for more members before they share its work.",
    "group.initial.rebalance.delay.ms",
  ),
  "group-min-session-timeout-ms": one(
    integer(1, 2 ** 31 - 1),
    "6000",
    "The shortest session that a group's member may ask for.",
    "group.min.session.timeout.ms",
  ),
  "group-max-session-timeout-ms": one(
    integer(1, 2 ** 31 - 1),
    "1800000",
    "The longest session that a group's member may ask for.",
    "group.max.session.timeout.ms",
  ),
  "group-consumer-max-size": one(
    integer(1, 100_000),
    "10000",
    "Members that one consumer group (KIP-848) may have.",
    "group.consumer.max.size",
  ),
  "group-consumer-session-timeout-ms": one(
    integer(1, 2 ** 31 - 1),
    "45000",
    "How long a consumer group's member may be silent.",
    "group.consumer.session.timeout.ms",
  ),
  "group-consumer-heartbeat-interval-ms": one(
    integer(1, 2 ** 31 - 1),
    "5000",
    "How often a consumer group's members are to be heard of.",
    "group.consumer.heartbeat.interval.ms",
  ),
  "group-consumer-assignment-interval-ms": one(
    integer(0, 15_000),
    "1000",
    "The least time between two assignments of a consumer group.",
    "group.consumer.assignment.interval.ms",
  ),
  "group-consumer-regex-refresh-interval-ms": one(
    integer(10_000, 2 ** 31 - 1),
    "600000",
    "How often patterns of topic names are matched again without a reason.",
    "group.consumer.regex.refresh.interval.ms",
  ),
  "group-consumer-migration-policy": one(
    oneOf("bidirectional", "upgrade", "downgrade", "disabled"),
    "bidirectional",
    "Whether classic groups become consumer groups while they run, and back.",
    "group.consumer.migration.policy",
  ),
  "offset-metadata-max-bytes": one(
    integer(0, 1024 * 1024),
    "4096",
    "What a client may note beside a committed offset.",
    "offset.metadata.max.bytes",
  ),
  "offsets-retention-minutes": one(
    integer(1, 2 ** 31 - 1),
    "10080",
    "How long committed offsets are kept that nobody needs any more.",
    "offsets.retention.minutes",
  ),
  "offsets-retention-check-interval-ms": one(
    integer(1, 2 ** 31 - 1),
    "600000",
    "How often expired offsets are looked for.",
    "offsets.retention.check.interval.ms",
  ),
  "offsets-topic-num-partitions": one(
    integer(1, 1000),
    "50",
    "Partitions that groups are spread over; fixed once the first group is there.",
    "offsets.topic.num.partitions",
  ),
} as const satisfies Record<string, Setting<unknown>>;

export function groupConfigOf(said: ValuesOf<typeof groupSettings>): GroupConfig {
  return {
    ...defaultGroupConfig,
    consumer: {
      sizeMax: said["group-consumer-max-size"],
      sessionTimeoutMs: said["group-consumer-session-timeout-ms"],
      heartbeatIntervalMs: said["group-consumer-heartbeat-interval-ms"],
      assignmentIntervalMs: said["group-consumer-assignment-interval-ms"],
      regexRefreshMs: said["group-consumer-regex-refresh-interval-ms"],
      migrationPolicy: said["group-consumer-migration-policy"],
    },
    sizeMax: said["group-max-size"],
    initialRebalanceDelayMs: said["group-initial-rebalance-delay-ms"],
    sessionTimeoutMinMs: said["group-min-session-timeout-ms"],
    sessionTimeoutMaxMs: said["group-max-session-timeout-ms"],
    offsetMetadataBytesMax: said["offset-metadata-max-bytes"],
    offsetsRetentionMs: said["offsets-retention-minutes"] * 60_000,
    offsetsCheckMs: said["offsets-retention-check-interval-ms"],
    offsetsPartitions: said["offsets-topic-num-partitions"],
  };
}
