/**
 * Topics and partitions as Prometheus metrics, with kafka_exporter's names. Read when asked; at most so many partitions,
 * and what was left out is told.
 */
import type { Broker, Context, PartitionDescription } from "../broker/verbs.ts";
import { family, label, type Sample } from "./exposition.ts";

type Gauge = readonly [
  name: string,
  help: string,
  value: (partition: PartitionDescription) => number,
];

const gauges: readonly Gauge[] = [
  ["current_offset", "Next offset of the partition.", ({ highWatermark }) => highWatermark],
  ["oldest_offset", "First offset of the partition.", ({ logStart }) => logStart],
  ["leader", "Node that leads the partition.", ({ leader }) => leader],
  ["replicas", "Replicas of the partition.", ({ replicas }) => replicas.length],
  [
    "in_sync_replica",
    "In-sync replicas of the partition.",
    ({ inSyncReplicas }) => inSyncReplicas.length,
  ],
  [
    "leader_is_preferred",
    "1 where the preferred node leads.",
    ({ leader, replicas }) => Number(leader === replicas[0]),
  ],
  [
    "under_replicated_partition",
    "1 where a replica is not in sync.",
    ({ replicas, inSyncReplicas }) => Number(inSyncReplicas.length < replicas.length),
  ],
];

/** The metrics of every topic that `context` may see, of at most `partitionsMax` partitions. */
export function logMetrics(broker: Broker, context: Context, partitionsMax: number): string {
  const node = broker.describeNode(context);
  const topics = broker.listTopics(context);
  const rows: { readonly labels: string; readonly partition: PartitionDescription }[] = [];
  let leftOut = 0;
  for (const topic of topics) {
    if (rows.length + topic.partitions > partitionsMax) {
      leftOut += topic.partitions;
      continue;
    }
    for (const partition of broker.describeTopic(context, topic.name).partitionList)
      rows.push({
        labels: `topic="${label(topic.name)}",partition="${partition.index}"`,
        partition,
      });
  }
  const samples = (value: Gauge[2]): Sample[] =>
    rows.map(({ labels, partition }) => ({ labels, value: value(partition) }));
  return [
    family("kafka_brokers", "gauge", "Nodes of the cluster.", [{ labels: "", value: 1 }]),
    family("kafka_broker_info", "gauge", "This node.", [
      {
        labels: `id="${node.nodeId}",cluster="${label(node.clusterId)}",version="${label(node.version)}"`,
        value: 1,
      },
    ]),
    family(
      "kafka_topic_partitions",
      "gauge",
      "Partitions of the topic.",
      topics
        .slice(0, partitionsMax)
        .map(({ name, partitions }) => ({ labels: `topic="${label(name)}"`, value: partitions })),
    ),
    ...gauges.map(([name, help, value]) =>
      family(`kafka_topic_partition_${name}`, "gauge", help, samples(value)),
    ),
    family("kedge_metrics_partitions_left_out", "gauge", "Partitions too many to show here.", [
      { labels: "", value: leftOut },
    ]),
  ].join("\n");
}
