/**
 * A cluster seen from a Kafka client: which broker is to be asked for what, and asking again while it is settling.
 *
 * - Connections are opened when first needed and kept, one a place however many ask at once; one that broke is opened anew.
 * - What a broker refuses for the moment (a coordinator that loads, a leader that moved) is asked again every 100 ms until
 *   the patience is over.
 * - Topics go by name: requests are made for versions that still have one. Left out: TLS, SASL.
 */
import type { Decoded, Encodable, Fields } from "../wire/schema.ts";
import { zeroUuid } from "../wire/uuid.ts";
import { metadata as metadataApi } from "./apis/03-metadata.ts";
import { findCoordinator } from "./apis/10-find-coordinator.ts";
import {
  ClientConnection,
  type ConnectionOptions,
  type RequestOptions,
  Unreachable,
} from "./client-connection.ts";
import { check, KafkaError } from "./client-error.ts";
import type { Api } from "./define-api.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ClientOptions extends ConnectionOptions {
  /** Any of them tells about the others. */
  readonly bootstrap: readonly Address[];
  /** How long a request is tried again that may be granted later. */
  readonly patienceMs: number;
}

export interface ClusterTopic {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly partitions: readonly ClusterPartition[];
}

export interface ClusterPartition {
  readonly partition: number;
  /** -1 while there is none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

/** Whom a request is for. */
export type Target =
  | { readonly to: "any" | "controller" }
  | { readonly to: "broker"; readonly id: number }
  | { readonly to: "leader"; readonly topic: string; readonly partition: number }
  | { readonly to: "group" | "transaction"; readonly key: string };

const RETRY_MS = 100;
/** How long a topic may take to be there that the broker makes on first use. */
const MADE_MS = 3_000;
/** The kinds of keys that FindCoordinator knows. */
const keyTypes = { group: 0, transaction: 1 } as const;

export class KafkaClient {
  readonly #options: ClientOptions;
  readonly #connections = new Map<string, ClientConnection>();
  readonly #opening = new Map<string, Promise<ClientConnection>>();
  #closed = false;
  #brokers = new Map<number, Address>();
  #controller = -1;
  #leaders = new Map<string, number>();

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /**
   * Asks whom it is for, again while the cluster is settling; `judge` throws a KafkaError for an answer that is one.
   * @throws KafkaError, Unreachable.
   */
  async ask<Req extends Fields, Res extends Fields>(
    target: Target,
    api: Api<Req, Res>,
    value: Encodable<Req>,
    judge: (answer: Decoded<Res>) => void,
    options: RequestOptions = {},
  ): Promise<Decoded<Res>> {
    return this.persist(async () => {
      const connection = await this.#connectionTo(target);
      const answer = await connection.request(api, value, options);
      judge(answer);
      return answer;
    });
  }

  /** Tries until it works, or fails for another reason than that the cluster is settling, or patience is over. */
  async persist<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, patienceMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + patienceMs;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const settling = error instanceof KafkaError && error.retriable;
        if (!settling || clock.monotonicMs() + RETRY_MS > deadlineMs) throw error;
        this.forgetLeaders();
        await this.#pause();
      }
    }
  }

  /** The topics of these names, or all; those that do not exist are left out. */
  async topics(names: readonly string[] | null): Promise<readonly ClusterTopic[]> {
    const connection = await this.#anyConnection();
    const answer = await connection.request(metadataApi, {
      topics: names?.map((name) => ({ name, topicId: zeroUuid })) ?? null,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    check(answer.errorCode);
    this.#learn(answer);
    return answer.topics
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ name, topicId, isInternal, partitions }) => ({
        name: name ?? "",
        topicId,
        isInternal,
        partitions: partitions
          .map((each) => ({
            partition: each.partitionIndex,
            leader: each.leaderId,
            replicas: each.replicaNodes,
            inSync: each.isrNodes,
          }))
          .toSorted((one, other) => one.partition - other.partition),
      }));
  }

  /** How many partitions a topic has, which is made where the broker does so by itself. Throws KafkaError. */
  async partitionsOf(name: string): Promise<number> {
    const deadlineMs = this.#options.clock.monotonicMs() + MADE_MS;
    for (;;) {
      const connection = await this.#anyConnection();
      const answer = await connection.request(metadataApi, {
        topics: [{ name, topicId: zeroUuid }],
        allowAutoTopicCreation: true,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      });
      const [topic] = answer.topics;
      const code = topic?.errorCode ?? UNKNOWN_PARTITION;
      const isComing = [UNKNOWN_PARTITION, LEADER_NOT_AVAILABLE].includes(code);
      if (!isComing || this.#options.clock.monotonicMs() > deadlineMs) check(code);
      if (code === 0) {
        this.#learn(answer);
        return topic?.partitions.length ?? 0;
      }
      await this.#pause();
    }
  }

  /** The brokers' ids. */
  async brokers(): Promise<readonly number[]> {
    await this.topics([]);
    return [...this.#brokers.keys()];
  }

  /** Who coordinates this group or transactional id: its node and address. */
  async coordinator(type: keyof typeof keyTypes, key: string): Promise<Address & { id: number }> {
    return this.persist(async () => {
      const connection = await this.#anyConnection();
      const keyType = keyTypes[type];
      const request = { key: "", keyType, coordinatorKeys: [key] };
      const { coordinators } = await connection.request(findCoordinator, request);
      const [found] = coordinators;
      if (!found) throw new Unreachable("the broker named no coordinator");
      check(found.errorCode, found.errorMessage);
      const { host, port, nodeId: id } = found;
      return { id, host, port };
    });
  }

  /** Leaders are asked for anew: one of them has moved. */
  forgetLeaders(): void {
    this.#leaders.clear();
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close();
  }

  async #connectionTo(target: Target): Promise<ClientConnection> {
    switch (target.to) {
      case "any":
        return this.#anyConnection();
      case "group":
      case "transaction":
        return this.#open(await this.coordinator(target.to, target.key));
      case "broker":
        return this.#brokerConnection(target.id);
      case "controller":
        if (this.#controller < 0) await this.topics([]);
        return this.#controller < 0
          ? this.#anyConnection()
          : this.#brokerConnection(this.#controller);
      case "leader":
        return this.#brokerConnection(await this.leaderOf(target.topic, target.partition));
      default:
        return target satisfies never;
    }
  }

  /** The node that leads a partition, as last told. Throws KafkaError. */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const place = `${partition}:${topic}`;
    if (!this.#leaders.has(place)) await this.topics([topic]);
    const leader = this.#leaders.get(place);
    if (leader === undefined) throw new KafkaError(UNKNOWN_PARTITION);
    if (leader < 0) throw new KafkaError(LEADER_NOT_AVAILABLE);
    return leader;
  }

  async #brokerConnection(id: number): Promise<ClientConnection> {
    if (!this.#brokers.has(id)) await this.topics([]);
    const address = this.#brokers.get(id);
    if (!address) throw new Unreachable(`there is no broker ${id}`);
    return this.#open(address);
  }

  /** A connection that is open, else one to the first broker that can be reached. */
  async #anyConnection(): Promise<ClientConnection> {
    for (const connection of this.#connections.values())
      if (!connection.isBroken) return connection;
    let last: unknown = new Unreachable("no broker was named");
    for (const address of [...this.#options.bootstrap, ...this.#brokers.values()]) {
      try {
        return await this.#open(address);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        last = error;
      }
    }
    throw last;
  }

  /** The connection to a place; who asks while it is being opened waits for the same one. Throws Unreachable. */
  async #open(address: Address): Promise<ClientConnection> {
    const place = `${address.host}:${address.port}`;
    const open = this.#connections.get(place);
    if (open && !open.isBroken) return open;
    const opening = this.#opening.get(place) ?? this.#connect(place, address);
    this.#opening.set(place, opening);
    return opening;
  }

  async #connect(place: string, { host, port }: Address): Promise<ClientConnection> {
    try {
      const connection = await ClientConnection.open(host, port, this.#options);
      this.#connections.set(place, connection);
      if (this.#closed) connection.close();
      return connection;
    } finally {
      this.#opening.delete(place);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(RETRY_MS, resolve));
  }

  #learn(answer: Decoded<(typeof metadataApi)["response"]["fields"]>): void {
    this.#controller = answer.controllerId;
    for (const { nodeId, host, port } of answer.brokers) this.#brokers.set(nodeId, { host, port });
    for (const { name, partitions } of answer.topics)
      for (const { partitionIndex, leaderId } of partitions)
        this.#leaders.set(`${partitionIndex}:${name ?? ""}`, leaderId);
  }
}

const UNKNOWN_PARTITION = 3;
const LEADER_NOT_AVAILABLE = 5;
