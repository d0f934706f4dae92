/**
 * Topics and the node as the client shows them, and how they are read off the wire.
 */
import { isObject } from "./errors.ts";
import { isFlag, isText, isWhole, listOf, membersOf, orNull } from "./shape.ts";

export interface NewTopic {
  readonly name: string;
  /** The node's `num.partitions` if not said. */
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  /** Kafka's topic configs: `{ "retention.ms": "60000" }`. */
  readonly configs?: Readonly<Record<string, string>> | undefined;
  /** Checks all of it and makes nothing. */
  readonly validateOnly?: boolean | undefined;
}

export interface TopicChange {
  /** The new number of partitions, only ever more. */
  readonly partitions?: number | undefined;
  /** Values to set; null goes back to the default. */
  readonly configs?: Readonly<Record<string, string | null>> | undefined;
}

export interface TopicSummary {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly internal: boolean;
}

export interface PartitionDescription {
  readonly partition: number;
  readonly leader: number;
  readonly epoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly logStart: number;
  readonly highWatermark: number;
  readonly lastStable: number;
  /** Bytes of log kept. */
  readonly bytes: number;
}

export interface ConfigValue {
  readonly value: string;
  readonly source: "topic" | "node" | "default";
}

export interface TopicDescription extends TopicSummary {
  readonly partitionList: readonly PartitionDescription[];
  readonly configs: Readonly<Record<string, ConfigValue>>;
}

export interface NodeDescription {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly controllerId: number;
  readonly version: string;
  readonly topics: number;
  readonly partitions: number;
}

export interface WireSummary {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly replication_factor: number;
  readonly internal: boolean;
}

export interface WireDescription extends WireSummary {
  readonly partition_list: readonly {
    readonly partition: number;
    readonly leader: number;
    readonly epoch: number;
    readonly replicas: readonly number[];
    readonly isr: readonly number[];
    readonly log_start: number;
    readonly high_watermark: number;
    readonly last_stable: number;
    readonly bytes: number;
  }[];
  readonly configs: Readonly<Record<string, ConfigValue>>;
}

export interface WireNode {
  readonly cluster_id: string;
  readonly node_id: number;
  readonly controller_id: number;
  readonly version: string;
  readonly topics: number;
  readonly partitions: number;
}

/** Passed on as they are: a later node may know other sources. */
const isConfigs = (configs: unknown): configs is WireDescription["configs"] => isObject(configs);

const summaryChecks = {
  name: isText,
  id: isText,
  partitions: isWhole,
  replication_factor: isWhole,
  internal: isFlag,
};

export const isSummaryPage = membersOf({
  topics: listOf(membersOf<WireSummary>(summaryChecks)),
  next: orNull(isText),
});

export const isDescription = membersOf<WireDescription>({
  ...summaryChecks,
  partition_list: listOf(
    membersOf({
      partition: isWhole,
      leader: isWhole,
      epoch: isWhole,
      replicas: listOf(isWhole),
      isr: listOf(isWhole),
      log_start: isWhole,
      high_watermark: isWhole,
      last_stable: isWhole,
      bytes: isWhole,
    }),
  ),
  configs: isConfigs,
});

export const isNode = membersOf<WireNode>({
  cluster_id: isText,
  node_id: isWhole,
  controller_id: isWhole,
  version: isText,
  topics: isWhole,
  partitions: isWhole,
});

export function summaryOf(wire: WireSummary): TopicSummary {
  const { name, id, partitions, replication_factor: replicationFactor, internal } = wire;
  return { name, id, partitions, replicationFactor, internal };
}

export function descriptionOf(wire: WireDescription): TopicDescription {
  return {
    ...summaryOf(wire),
    partitionList: wire.partition_list.map((part) => ({
      partition: part.partition,
      leader: part.leader,
      epoch: part.epoch,
      replicas: part.replicas,
      isr: part.isr,
      logStart: part.log_start,
      highWatermark: part.high_watermark,
      lastStable: part.last_stable,
      bytes: part.bytes,
    })),
    configs: wire.configs,
  };
}

export function nodeOf(wire: WireNode): NodeDescription {
  return {
    clusterId: wire.cluster_id,
    nodeId: wire.node_id,
    controllerId: wire.controller_id,
    version: wire.version,
    topics: wire.topics,
    partitions: wire.partitions,
  };
}
