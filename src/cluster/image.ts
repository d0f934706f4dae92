/**
 * What the cluster has agreed on, as a value: every metadata command up to one index, applied in order.
 *
 * - `apply` is deterministic and total: the same commands give the same image on every node, with no clock, randomness
 *   or I/O. A command of an unknown name or version, or one that does not fit what came before, is a bug: it stops the node.
 * - It changes the image in place and costs the same however large the image is. The discipline that makes this safe:
 *   the controller alone applies, between two turns of the event loop; readers look things up anew after every await and
 *   never change what they are given. A partition is replaced, not changed; a topic's list of them grows in place.
 * - Left out: access rules and users, until security/ is there.
 */
import { assert, present } from "../lib/assert.ts";
import type {
  ClientQuota,
  Command,
  Config,
  Partition,
  RegisterBroker,
  RemoveTopic,
  Topic,
} from "./commands.ts";

export interface BrokerImage {
  readonly nodeId: number;
  readonly incarnationId: string;
  /** The index of its registration: a newer one of the same node is greater. */
  readonly epoch: number;
}

export interface PartitionImage {
  readonly index: number;
  readonly replicas: readonly number[];
  readonly inSyncReplicas: readonly number[];
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

export interface TopicImage {
  readonly name: string;
  readonly id: string;
  /** By index; a topic's partitions count from 0 without a gap. */
  readonly partitions: readonly PartitionImage[];
}

export type ConfigResource = Config["resource"];

/** The quotas of one entity: users, client ids and addresses by type, a null name for the default. */
export interface QuotaImage {
  readonly entity: ReadonlyMap<string, string | null>;
  readonly values: ReadonlyMap<string, number>;
}

/** The image as plain data: what a snapshot holds. Version 0 was before there were quotas. */
export interface ImageSnapshot {
  readonly version: 0 | 1;
  readonly index: number;
  readonly brokers: readonly BrokerImage[];
  readonly topics: readonly TopicImage[];
  /** Resource, name, key, value. */
  readonly configs: readonly (readonly [ConfigResource, string, string, string])[];
  readonly features: readonly (readonly [string, number])[];
  readonly nextProducerId: string;
  /** Entity, key, value. */
  readonly quotas?: readonly (readonly [ClientQuota["entity"], string, number])[];
}

/** What an applied command did to the logs that this cluster keeps. */
export type Effect =
  | { readonly type: "partition-created"; readonly topicId: string; readonly index: number }
  | { readonly type: "partition-changed"; readonly topicId: string; readonly index: number }
  | { readonly type: "topic-removed"; readonly topic: TopicImage }
  | { readonly type: "config-changed"; readonly resource: ConfigResource; readonly name: string };

/** A topic as the image keeps it: the array grows in place, its entries are replaced. */
interface TopicState {
  readonly name: string;
  readonly id: string;
  readonly partitions: PartitionImage[];
}

interface QuotaState extends QuotaImage {
  readonly values: Map<string, number>;
}

const noConfigs: ReadonlyMap<string, string> = new Map();

export class Image {
  /** The last command applied; a cache of anything made from the image is good for one index. */
  #index = 0;
  readonly #brokers = new Map<number, BrokerImage>();
  readonly #topicsById = new Map<string, TopicState>();
  readonly #topicsByName = new Map<string, TopicState>();
  /** Topics by their name with `.` as `_`: two of one spelling would share a metric's name (Kafka refuses them). */
  readonly #topicsBySpelling = new Map<string, TopicState>();
  readonly #configs = new Map<string, Map<string, string>>();
  readonly #features = new Map<string, number>();
  readonly #quotas = new Map<string, QuotaState>();
  #nextProducerId = 0n;
  #partitions = 0;
  #topicsIndex = 0;
  #configsIndex = 0;

  get index(): number {
    return this.#index;
  }

  /** The last command that made or removed a topic, or gave one partitions. */
  get topicsIndex(): number {
    return this.#topicsIndex;
  }

  /** The last command that changed a config. */
  get configsIndex(): number {
    return this.#configsIndex;
  }

  /** Producer ids below this one are taken. */
  get nextProducerId(): bigint {
    return this.#nextProducerId;
  }

  get topicCount(): number {
    return this.#topicsById.size;
  }

  get partitionCount(): number {
    return this.#partitions;
  }

  get brokers(): ReadonlyMap<number, BrokerImage> {
    return this.#brokers;
  }

  topic(name: string): TopicImage | null {
    return this.#topicsByName.get(name) ?? null;
  }

  topicById(id: string): TopicImage | null {
    return this.#topicsById.get(id) ?? null;
  }

  /** The topic whose name differs from `name` at most in `.` against `_`. */
  topicSpelledLike(name: string): TopicImage | null {
    return this.#topicsBySpelling.get(spelling(name)) ?? null;
  }

  topics(): Iterable<TopicImage> {
    return this.#topicsById.values();
  }

  /** The configs that were set on a resource; the others have their defaults. */
  configs(resource: ConfigResource, name: string): ReadonlyMap<string, string> {
    return this.#configs.get(configKey(resource, name)) ?? noConfigs;
  }

  /** The names of that kind on which some config is set. */
  configured(resource: ConfigResource): string[] {
    return [...this.#configs.keys()]
      .map(splitConfigKey)
      .filter(([kind]) => kind === resource)
      .map(([, name]) => name);
  }

  get quotaCount(): number {
    return this.#quotas.size;
  }

  /** Every entity that has quotas. */
  quotas(): Iterable<QuotaImage> {
    return this.#quotas.values();
  }

  quota(entity: QuotaImage["entity"]): QuotaImage | null {
    return this.#quotas.get(JSON.stringify([...entity])) ?? null;
  }

  /** 0 where nobody has settled it. */
  feature(name: string): number {
    return this.#features.get(name) ?? 0;
  }

  /** Every feature that was settled, at 0 too. */
  get features(): ReadonlyMap<string, number> {
    return this.#features;
  }

  /** Applies the command at `index`, which follows the last one applied, and says what it did. */
  apply(index: number, command: Command): Effect | null {
    assert(index === this.#index + 1, `command ${index} follows command ${this.#index}`);
    assert(
      command.version === 0,
      `this program knows version 0 of the metadata command ${command.type}, not ${command.version}`,
    );
    this.#index = index;
    switch (command.type) {
      case "register-broker":
        return this.#registerBroker(command, index);
      case "topic":
        return this.#addTopic(command);
      case "partition":
        return this.#setPartition(command);
      case "remove-topic":
        return this.#removeTopic(command);
      case "config":
        return this.#setConfig(command);
      case "client-quota":
        return this.#setQuota(command);
      case "feature-level":
        this.#features.set(command.name, command.level);
        return null;
      case "producer-ids":
        return this.#takeProducerIds(BigInt(command.next));
      default:
        return unknownCommand(command);
    }
  }

  #registerBroker({ nodeId, incarnationId }: RegisterBroker, epoch: number): null {
    this.#brokers.set(nodeId, { nodeId, incarnationId, epoch });
    return null;
  }

  #addTopic({ name, id }: Topic): null {
    assert(!this.#topicsByName.has(name), `topic ${name} is created once`);
    assert(!this.#topicsById.has(id), `topic id ${id} is given once`);
    this.#keepTopic({ name, id, partitions: [] });
    return null;
  }

  #keepTopic(topic: TopicState): void {
    this.#topicsById.set(topic.id, topic);
    this.#topicsByName.set(topic.name, topic);
    this.#topicsBySpelling.set(spelling(topic.name), topic);
    this.#partitions += topic.partitions.length;
    this.#topicsIndex = this.#index;
  }

  #setPartition(command: Partition): Effect {
    const { topicId, index, replicas, inSyncReplicas, leader, leaderEpoch, partitionEpoch } =
      command;
    const topic = present(this.#topicsById.get(topicId), "a partition's topic comes before it");
    const before = topic.partitions[index];
    assert(before || index === topic.partitions.length, "partitions come in order, without a gap");
    assert(
      !before || (leaderEpoch >= before.leaderEpoch && partitionEpoch > before.partitionEpoch),
      "a partition's epochs never fall",
    );
    topic.partitions[index] = {
      index,
      replicas,
      inSyncReplicas,
      leader,
      leaderEpoch,
      partitionEpoch,
    };
    if (before) return { type: "partition-changed", topicId, index };
    this.#partitions += 1;
    this.#topicsIndex = this.#index;
    return { type: "partition-created", topicId, index };
  }

  #removeTopic({ id }: RemoveTopic): Effect {
    const topic = present(this.#topicsById.get(id), "only a topic that exists is removed");
    this.#topicsById.delete(id);
    this.#topicsByName.delete(topic.name);
    this.#topicsBySpelling.delete(spelling(topic.name));
    this.#configs.delete(configKey("topic", topic.name));
    this.#partitions -= topic.partitions.length;
    this.#topicsIndex = this.#index;
    return { type: "topic-removed", topic };
  }

  #setConfig({ resource, name, key, value }: Config): Effect {
    this.#configsIndex = this.#index;
    const at = configKey(resource, name);
    const configs = this.#configs.get(at) ?? new Map<string, string>();
    if (value === null) configs.delete(key);
    else configs.set(key, value);
    if (configs.size === 0) this.#configs.delete(at);
    else this.#configs.set(at, configs);
    return { type: "config-changed", resource, name };
  }

  #setQuota({ entity, key, value }: Omit<ClientQuota, "type" | "version">): null {
    const at = JSON.stringify(entity);
    const { values } = this.#quotas.get(at) ?? { values: new Map<string, number>() };
    if (value === null) values.delete(key);
    else values.set(key, value);
    if (values.size === 0) this.#quotas.delete(at);
    else this.#quotas.set(at, { entity: new Map(entity), values });
    return null;
  }

  #takeProducerIds(next: bigint): null {
    assert(next > this.#nextProducerId, "a block of producer ids is handed out once");
    this.#nextProducerId = next;
    return null;
  }

  /** Shares its objects with the image: make text of it before the next command. */
  snapshot(): ImageSnapshot {
    return {
      version: 1,
      index: this.#index,
      brokers: [...this.#brokers.values()],
      topics: [...this.#topicsById.values()],
      configs: [...this.#configs].flatMap(([at, configs]) =>
        [...configs].map(([key, value]) => [...splitConfigKey(at), key, value] as const),
      ),
      features: [...this.#features],
      nextProducerId: this.#nextProducerId.toString(),
      quotas: [...this.#quotas.values()].flatMap(({ entity, values }) =>
        [...values].map(([key, value]) => [[...entity], key, value] as const),
      ),
    };
  }

  /** The image that a snapshot was taken of; takes the snapshot's objects as its own. */
  static restore(snapshot: ImageSnapshot): Image {
    const { version } = snapshot;
    assert(version === 0 || version === 1, `a snapshot is of version 0 or 1, not ${version}`);
    const image = new Image();
    image.#index = snapshot.index;
    for (const broker of snapshot.brokers) image.#brokers.set(broker.nodeId, broker);
    for (const topic of snapshot.topics) {
      image.#keepTopic({ ...topic, partitions: [...topic.partitions] });
    }
    for (const [resource, name, key, value] of snapshot.configs) {
      image.#setConfig({ type: "config", version: 0, resource, name, key, value });
    }
    for (const [name, level] of snapshot.features) image.#features.set(name, level);
    for (const [entity, key, value] of snapshot.quotas ?? []) {
      image.#setQuota({ entity, key, value });
    }
    image.#nextProducerId = BigInt(snapshot.nextProducerId);
    return image;
  }
}

/** Kafka's rule (`Topic.unifyCollisionChars`): metrics write `.` as `_`. */
function spelling(name: string): string {
  return name.replaceAll(".", "_");
}

function configKey(resource: ConfigResource, name: string): string {
  return `${resource} ${name}`;
}

function splitConfigKey(key: string): [ConfigResource, string] {
  const at = key.indexOf(" ");
  // What configKey has joined: the resource has no space in it.
  return [key.slice(0, at) as ConfigResource, key.slice(at + 1)];
}

function unknownCommand(command: never): never {
  const { type } = command as { readonly type: unknown };
  assert(false, `this program does not know the metadata command ${String(type)}`);
}
