/**
 * Metadata commands: everything that a cluster agrees on is one of these, appended to the metadata log and applied in
 * order. Named and versioned after Kafka's metadata records; a command of an unknown name or version stops the node,
 * since it can no longer know what the others know.
 */

export type Command =
  | RegisterBroker
  | Topic
  | Partition
  | RemoveTopic
  | Config
  | ClientQuota
  | FeatureLevel
  | ProducerIds;

/** A node takes its place, or takes it again under a new incarnation; `epoch` is the command's own index. */
export interface RegisterBroker {
  readonly type: "register-broker";
  readonly version: 0;
  readonly nodeId: number;
  readonly incarnationId: string;
}

/** A topic comes to be; its partitions follow in the same submission. */
export interface Topic {
  readonly type: "topic";
  readonly version: 0;
  readonly name: string;
  readonly id: string;
}

/** One partition of a topic, or its new state: who holds it, who leads it, since which epoch. */
export interface Partition {
  readonly type: "partition";
  readonly version: 0;
  readonly topicId: string;
  readonly index: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

export interface RemoveTopic {
  readonly type: "remove-topic";
  readonly version: 0;
  readonly id: string;
}

/** One config of one resource; a null value takes it back to the default. */
export interface Config {
  readonly type: "config";
  readonly version: 0;
  readonly resource: "topic" | "broker" | "group" | "client-metrics";
  readonly name: string;
  readonly key: string;
  readonly value: string | null;
}

/** One quota of one entity, whose types and names come in the order of the types; a null value takes it away. */
export interface ClientQuota {
  readonly type: "client-quota";
  readonly version: 0;
  readonly entity: readonly (readonly [type: string, name: string | null])[];
  readonly key: string;
  readonly value: number | null;
}

export interface FeatureLevel {
  readonly type: "feature-level";
  readonly version: 0;
  readonly name: string;
  readonly level: number;
}

/** Producer ids below `next` have been handed to nodes in blocks. Decimal text: they are int64. */
export interface ProducerIds {
  readonly type: "producer-ids";
  readonly version: 0;
  readonly next: string;
}
