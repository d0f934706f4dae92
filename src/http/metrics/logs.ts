/**
 * Topics and partitions as Prometheus metrics, with kafka_exporter's names. Read when asked; at most so many partitions,
 * and what was left out is told.
 */
import type { Broker, Context, PartitionDescription } from "../../broker/verbs.ts";
import { Refusal } from "../../lib/refusal.ts";
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

/** Topics described until others have their turn: each costs its configs and its partitions. */
const TOPICS_PER_TURN = 200;

/** The metrics of every topic that `context` may see, of at most `partitionsMax` partitions. */
export async function logMetrics(
  broker: Broker,
  context: Context,
  partitionsMax: number,
  turn: () => Promise<void>,
): Promise<string> {
  const node = broker.describeNode(context);
  const topics = broker.listTopics(context);
  const samples = gauges.map((): Sample[] => []);
  let shown = 0;
  let leftOut = 0;
  for (const [at, { name, partitions }] of topics.entries()) {
    if (shown + partitions > partitionsMax) {
      leftOut += partitions;
      continue;
    }
    if (at % TOPICS_PER_TURN === TOPICS_PER_TURN - 1) await turn();
    for (const partition of partitionsOf(broker, context, name)) {
      const labels = `topic="${label(name)}",partition="${partition.index}"`;
      for (const [gauge, [, , value]] of gauges.entries())
        samples[gauge]?.push({ labels, value: value(partition) });
      shown += 1;
    }
  }
  const families = [
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
  ];
  for (const [gauge, [name, help]] of gauges.entries()) {
    await turn();
    families.push(family(`kafka_topic_partition_${name}`, "gauge", help, samples[gauge] ?? []));
  }
  families.push(
    family("kedge_metrics_partitions_left_out", "gauge", "Partitions too many to show here.", [
      { labels: "", value: leftOut },
    ]),
  );
  return families.join("\n");
}

/** None of a topic that went meanwhile. */
function partitionsOf(
  broker: Broker,
  context: Context,
  name: string,
): readonly PartitionDescription[] {
  try {
    return broker.describeTopic(context, name).partitionList;
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}
