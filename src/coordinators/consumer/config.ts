/**
 * Kafka's settings of consumer groups, with Kafka's defaults; some can be set for one group (the config resource `group`).
 */
import type { Image } from "../../cluster/image.ts";

export interface ConsumerGroupConfig {
  /** `group.consumer.max.size` (Kafka: no bound) */
  readonly sizeMax: number;
  /** `group.consumer.session.timeout.ms`; for one group `consumer.session.timeout.ms` */
  readonly sessionTimeoutMs: number;
  /** `group.consumer.heartbeat.interval.ms`; for one group `consumer.heartbeat.interval.ms` */
  readonly heartbeatIntervalMs: number;
  /** `group.consumer.assignment.interval.ms`; for one group `consumer.assignment.interval.ms` */
  readonly assignmentIntervalMs: number;
  /** `group.consumer.regex.refresh.interval.ms` */
  readonly regexRefreshMs: number;
  /** `group.consumer.migration.policy` */
  readonly migrationPolicy: "disabled" | "upgrade" | "downgrade" | "bidirectional";
}

export const defaultConsumerGroupConfig: ConsumerGroupConfig = {
  sizeMax: 10_000,
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5000,
  assignmentIntervalMs: 1000,
  regexRefreshMs: 600_000,
  migrationPolicy: "bidirectional",
};

/** The node's settings with what was set for this group. */
export function configOfGroup(
  config: ConsumerGroupConfig,
  image: Pick<Image, "configs">,
  groupId: string,
): ConsumerGroupConfig {
  const own = image.configs("group", groupId);
  if (own.size === 0) return config;
  const number = (key: string, otherwise: number): number => Number(own.get(key) ?? otherwise);
  return {
    ...config,
    sessionTimeoutMs: number("consumer.session.timeout.ms", config.sessionTimeoutMs),
    heartbeatIntervalMs: number("consumer.heartbeat.interval.ms", config.heartbeatIntervalMs),
    assignmentIntervalMs: number("consumer.assignment.interval.ms", config.assignmentIntervalMs),
  };
}
