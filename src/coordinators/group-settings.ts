/**
 * What a node can be told about groups, in the words of Kafka's broker settings.
 */
import { integer, one, type Setting } from "../lib/setting.ts";
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

type Said = { readonly [Name in keyof typeof groupSettings]: number };

export function groupConfigOf(said: Said): GroupConfig {
  return {
    ...defaultGroupConfig,
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
