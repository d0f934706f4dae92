/**
 * The logs that this node keeps, held to what the image says: a partition that the image has gets its log, a log whose
 * topic is gone is dropped.
 *
 * - Metadata commits first, storage follows. A crash in between is healed at the next start by comparing the two; a disk
 *   that refuses is asked again after a while. Until then the partition has no log and its requests are to be retried.
 * - A removed topic's logs are gone from here at once, before their rows are. Of very many some are closed in later turns: who
 *   waits there hears of it a moment later.
 * - Left out: which replicas this node holds; with one node it holds all.
 */
import { Sequence } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { Effect, Image, TopicImage } from "../cluster/image.ts";
import {
  CREATE_PARTITIONS_MAX,
  StorageFault,
  type PartitionId,
  type PartitionKey,
  type PartitionState,
  type Storage,
  type StoredProducer,
} from "../storage/storage.ts";

const RETRY_MS = 1_000;
/** Logs opened until others have their turn. */
const OPENED_PER_TURN = 1_000;
/** Logs of a deleted topic that are closed in one turn: a few microseconds each. */
const CLOSED_PER_TURN = 500;

/** What is kept of one partition. */
export interface KeptLog {
  /** Something of its topic or of its place in the cluster has changed: configs, leader, epoch. */
  refresh(topic: TopicImage): void;
  /** The topic was deleted: refuse whoever waits and whoever comes. */
  close(): void;
}

interface LogsOptions<Log extends KeptLog> {
  readonly storage: Storage;
  /** What storage has, where it was asked already. */
  readonly states?: readonly PartitionState[];
  readonly image: Image;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Must not wait: what it has to write first, it writes before its first append. */
  readonly openLog: (
    state: PartitionState,
    topic: TopicImage,
    producers: readonly StoredProducer[],
  ) => Log;
}

interface Kept<Log> {
  readonly id: PartitionId;
  readonly log: Log;
}

export class Logs<Log extends KeptLog> {
  readonly #options: LogsOptions<Log>;
  /** By topic id, then by partition index. */
  readonly #kept = new Map<string, Map<number, Kept<Log>>>();
  readonly #work = new Sequence();
  #missing: PartitionKey[] = [];
  /** Storage is asked to make them. */
  #creating: readonly PartitionKey[] = [];
  #leftover: PartitionId[] = [];
  /** Of deleted topics, still to be closed. */
  #closing: Kept<Log>[] = [];
  #dropping = 0;
  #settled: Promise<void> = Promise.resolve();
  #retrying = false;

  private constructor(options: LogsOptions<Log>) {
    this.#options = options;
  }

  /** Opens every log that storage has, and settles what an earlier run left undone. */
  static async open<Log extends KeptLog>(options: LogsOptions<Log>): Promise<Logs<Log>> {
    const logs = new Logs(options);
    const producers = await options.storage.producers();
    for (const state of options.states ?? (await options.storage.partitions())) {
      logs.#keep(state, producers.get(state.id) ?? []);
    }
    for (const topic of options.image.topics()) {
      const kept = logs.#kept.get(topic.id);
      for (const { index } of topic.partitions) {
        if (!kept?.has(index)) logs.#missing.push({ topicId: topic.id, index });
      }
    }
    logs.#settle();
    await logs.settled();
    return logs;
  }

  /** The partition's log; null when it is not there (yet). */
  log(topicId: string, index: number): Log | null {
    return this.#kept.get(topicId)?.get(index)?.log ?? null;
  }

  /** Every log kept here, for what runs in the background. */
  *all(): Iterable<Log> {
    for (const partitions of this.#kept.values()) {
      for (const { log } of partitions.values()) yield log;
    }
  }

  /** Some logs of deleted topics are still in storage, or may come to be: a start must find that these were deleted. */
  get hasLeftovers(): boolean {
    const { image } = this.#options;
    return (
      this.#closing.length + this.#leftover.length + this.#dropping > 0 ||
      this.#creating.some(({ topicId }) => image.topicById(topicId) === null)
    );
  }

  /** Follows what a submission did; what it takes of storage goes on in the background. */
  follow(effects: readonly Effect[]): void {
    const refreshed = new Set<string>();
    for (const effect of effects) {
      if (effect.type === "config-changed") {
        // The image has all of them already: a resource is looked at once, however many of its configs changed.
        const resource = `${effect.resource} ${effect.name}`;
        if (refreshed.has(resource)) continue;
        refreshed.add(resource);
      }
      if (effect.type === "partition-created") {
        this.#missing.push({ topicId: effect.topicId, index: effect.index });
      } else if (effect.type === "topic-removed") {
        this.#forget(effect.topic);
      } else {
        this.#refresh(effect);
      }
    }
    const dropped = this.#closing.length + this.#leftover.length;
    if (this.#missing.length + dropped > 0) this.#settle();
  }

  /** Resolves once everything followed so far has been tried; what failed is tried again by itself. */
  settled(): Promise<void> {
    return this.#settled;
  }

  #keep(state: PartitionState, producers: readonly StoredProducer[]): void {
    const topic = this.#options.image.topicById(state.topicId);
    if (!topic?.partitions[state.index]) {
      this.#leftover.push(state.id);
      return;
    }
    const partitions = this.#kept.get(topic.id) ?? new Map<number, Kept<Log>>();
    if (partitions.has(state.index)) return;
    partitions.set(state.index, {
      id: state.id,
      log: this.#options.openLog(state, topic, producers),
    });
    this.#kept.set(topic.id, partitions);
  }

  #forget(topic: TopicImage): void {
    this.#closing.push(...(this.#kept.get(topic.id)?.values() ?? []));
    this.#kept.delete(topic.id);
    this.#missing = this.#missing.filter(({ topicId }) => topicId !== topic.id);
    if (this.#closing.length <= CLOSED_PER_TURN) this.#closeSome();
  }

  #closeSome(): void {
    for (const { id, log } of this.#closing.splice(0, CLOSED_PER_TURN)) {
      log.close();
      this.#leftover.push(id);
    }
  }

  #refresh(effect: Exclude<Effect, { type: "partition-created" | "topic-removed" }>): void {
    const { image } = this.#options;
    if (effect.type === "partition-changed") {
      const topic = image.topicById(effect.topicId);
      if (topic) this.log(topic.id, effect.index)?.refresh(topic);
      return;
    }
    // A node's configs are the defaults of every topic.
    const all = effect.resource === "broker" ? image.topics() : [];
    const topic = effect.resource === "topic" ? image.topic(effect.name) : null;
    for (const each of topic ? [topic] : all) {
      for (const { log } of this.#kept.get(each.id)?.values() ?? []) log.refresh(each);
    }
  }

  #settle(): void {
    this.#settled = this.#work.run(() => this.#tryAll());
  }

  async #tryAll(): Promise<void> {
    try {
      // First what gives space back: the other may wait for it.
      await this.#drop();
      await this.#create();
      // A topic that was deleted meanwhile made its new logs leftovers.
      await this.#drop();
    } catch (error) {
      if (!(error instanceof StorageFault)) throw error;
      if (error.kind === "closed") return; // The next start settles it.
      this.#options.logger.warn("storage refused to make or drop logs; trying again", { error });
      this.#retryLater();
    }
  }

  async #create(): Promise<void> {
    while (this.#missing.length > 0) {
      const keys = this.#missing.slice(0, CREATE_PARTITIONS_MAX);
      const states = await this.#createIn(keys);
      // New, or made by a call whose answer was lost: nobody has written there.
      for (const [at, state] of states.entries()) {
        if (at % OPENED_PER_TURN === OPENED_PER_TURN - 1) await this.#options.clock.turn();
        this.#keep(state, []);
      }
      this.#creating = [];
      const made = new Set(keys);
      this.#missing = this.#missing.filter((key) => !made.has(key));
    }
  }

  /** Of unknown outcome they may be there: only the next start tells. */
  async #createIn(keys: readonly PartitionKey[]): Promise<readonly PartitionState[]> {
    this.#creating = keys;
    try {
      return await this.#options.storage.create(keys);
    } catch (error) {
      if (error instanceof StorageFault && error.outcome === "none") this.#creating = [];
      throw error;
    }
  }

  async #drop(): Promise<void> {
    // Nothing is dropped under a log that may still be written to.
    while (this.#closing.length > 0) {
      this.#closeSome();
      await this.#options.clock.turn();
    }
    while (this.#leftover.length > 0) {
      const ids = this.#leftover;
      this.#leftover = [];
      this.#dropping += ids.length;
      try {
        await this.#options.storage.drop(ids);
      } catch (error) {
        this.#leftover.push(...ids);
        throw error;
      } finally {
        this.#dropping -= ids.length;
      }
    }
  }

  #retryLater(): void {
    if (this.#retrying) return;
    this.#retrying = true;
    this.#options.clock.after(RETRY_MS, () => {
      this.#retrying = false;
      this.#settle();
    });
  }
}
