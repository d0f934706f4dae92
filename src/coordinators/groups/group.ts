/**
 * A group as one key of the coordinator: who takes part (a classic group or a consumer group, which share one namespace) and the
 * offsets that were committed for it.
 */
import type { Image } from "../../cluster/image.ts";
import type { ClassicGroup, ClassicInput } from "../classic/state.ts";
import type { ConsumerInput } from "../consumer/group.ts";
import { type ConsumerGroupConfig, defaultConsumerGroupConfig } from "../consumer/config.ts";
import type { ConsumerEffect, ConsumerGroup } from "../consumer/state.ts";
import type { GroupOffsets, OffsetInput } from "../offsets/state.ts";
import type { Env } from "../step.ts";

/** The two kinds of membership; a consumer group takes classic inputs as well (KIP-848's online upgrade). */
export type Membership = ClassicGroup | ConsumerGroup;

export interface Group {
  readonly id: string;
  readonly members: Membership;
  readonly offsets: GroupOffsets;
}

export type MembershipInput = ClassicInput | ConsumerInput;

export type GroupEffect = ConsumerEffect;

export type GroupInput =
  | MembershipInput
  | OffsetInput
  /** The group was read back from the log: every session begins anew. */
  | { readonly type: "loaded" };

export interface GroupEnv extends Env {
  readonly config: GroupConfig;
  /** The topics as they are now. */
  readonly image: Pick<Image, "topic" | "topicById" | "topics" | "topicsIndex" | "configs">;
}

/** Kafka's broker settings for groups, and its defaults but for the two bounds that Kafka leaves open. */
export interface GroupConfig {
  /** What counts for consumer groups alone. */
  readonly consumer: ConsumerGroupConfig;
  /** `group.max.size` */
  readonly sizeMax: number;
  /** `group.initial.rebalance.delay.ms` */
  readonly initialRebalanceDelayMs: number;
  /** `group.min.session.timeout.ms` */
  readonly sessionTimeoutMinMs: number;
  /** `group.max.session.timeout.ms` */
  readonly sessionTimeoutMaxMs: number;
  /** How long a member that is new may take to join, whatever its session (Kafka's constant). */
  readonly newMemberJoinTimeoutMs: number;
  /** `offset.metadata.max.bytes` */
  readonly offsetMetadataBytesMax: number;
  /** `offsets.retention.minutes` */
  readonly offsetsRetentionMs: number;
  /** `offsets.retention.check.interval.ms` */
  readonly offsetsCheckMs: number;
  /** `offsets.topic.num.partitions`, at the topic's making. */
  readonly offsetsPartitions: number;
}

export const defaultGroupConfig: GroupConfig = {
  consumer: defaultConsumerGroupConfig,
  sizeMax: 10_000,
  initialRebalanceDelayMs: 3000,
  sessionTimeoutMinMs: 6000,
  sessionTimeoutMaxMs: 1_800_000,
  newMemberJoinTimeoutMs: 300_000,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsCheckMs: 600_000,
  offsetsPartitions: 50,
};
