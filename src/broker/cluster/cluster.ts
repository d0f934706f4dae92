/**
 * What clients ask of the cluster before anything else: which nodes, which topics, who leads what, which features.
 *
 * - A partition's epoch is its log's where that is ahead of the image's (after a power cut a leader raises it by itself), or
 *   clients would be told that theirs is over and be given the same one again.
 */
import type { Controller } from "../../cluster/controller.ts";
import { knownFeatures } from "../../cluster/features.ts";
import type { Image, PartitionImage, TopicImage } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { Logs } from "../../log/logs.ts";
import type { Partition } from "../../log/partition.ts";
import { isInternal } from "../access.ts";
import { featureChangeCommands } from "./features.ts";
import type { ClusterVerbs, PartitionPlace, TopicPlaces } from "../verbs.ts";

export function clusterVerbs(controller: Controller, logs: Logs<Partition>): ClusterVerbs {
  const { identity, image } = controller;
  const places = (topic: TopicImage): TopicPlaces => ({
    name: topic.name,
    id: topic.id,
    internal: isInternal(topic.name),
    partitions: topic.partitions.map((partition) => placeOf(logs, topic.id, partition)),
  });
  return {
    version: () => image.index,
    nodes: () => [...image.brokers.keys()],
    topic(_context, name) {
      const topic = image.topic(name);
      return topic && places(topic);
    },
    topicById(_context, id) {
      const topic = image.topicById(id);
      return topic && places(topic);
    },
    nameOf: (_context, id) => image.topicById(id)?.name ?? null,
    partitionsOf: (_context, name) => image.topic(name)?.partitions.length ?? 0,
    *topics() {
      for (const topic of image.topics()) yield places(topic);
    },
    features: () =>
      knownFeatures.map((feature) => ({ ...feature, finalized: image.feature(feature.name) })),
    async updateFeatures(_context, changes, validateOnly) {
      const decide = (image: Image) => featureChangeCommands(image, changes);
      if (validateOnly) decide(image);
      else await controller.submit(decide);
    },
    quorum: () => ({
      leader: identity.nodeId,
      epoch: controller.epoch,
      end: image.index + 1,
      voters: [{ nodeId: identity.nodeId, directoryId: identity.directoryId }],
    }),
    unregister(_context, nodeId) {
      if (image.brokers.has(nodeId)) {
        throw new Refusal("invalid_request", `Node ${nodeId} serves; a cluster is not without it.`);
      }
      throw new Refusal("broker_id_not_registered", `There is no node ${nodeId}.`);
    },
  };
}

function placeOf(
  logs: Logs<Partition>,
  topicId: string,
  partition: PartitionImage,
): PartitionPlace {
  const epoch = logs.log(topicId, partition.index)?.epoch ?? 0;
  return epoch <= partition.leaderEpoch ? partition : { ...partition, leaderEpoch: epoch };
}
