/**
 * The driver of coordinators: keys (group ids, transactional ids) are spread over the partitions of an internal topic, and
 * each partition is a shard that steps a pure core and keeps what it decided in the log.
 *
 * - The topic is made on first use; a question before that is answered as by an empty one.
 * - Every shard is loaded when the node starts, one after the other, so that loading never keeps the event loop for long.
 * - Bounded: keys and about how much their states take, inputs that wait for a key, requests that wait for an answer (`limits.ts`).
 * - Left out: other nodes. With one node every shard is here; `not_coordinator` comes with the cluster.
 */
import type { Controller } from "../cluster/controller.ts";
import { Sequence } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import type { Deadlines } from "../lib/deadlines.ts";
import type { Logger } from "../lib/logger.ts";
import type { Random } from "../lib/random.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Logs } from "../log/logs.ts";
import type { Partition } from "../log/partition.ts";
import { ensureTopic, type InternalTopic } from "./internal-topic.ts";
import { partitionOf } from "./key-hash.ts";
import { type CoordinatorLimits, defaultCoordinatorLimits } from "./limits.ts";
import { LoopShare } from "./loop-share.ts";
import { notAvailable, Shard } from "./shard.ts";
import type { Core, Env, Ticket, Transaction } from "./step.ts";

export interface CoordinatorOptions<State, Input, StepEnv extends Env, Effect> {
  readonly topic: InternalTopic;
  readonly core: Core<State, Input, StepEnv, Effect>;
  /** What a step may look at, as it is now. */
  readonly env: () => StepEnv;
  /** Does what a step asked of the outside; must not throw. What comes of it is posted as an input. */
  readonly perform: (key: string, effect: Effect) => void;
  readonly controller: Controller;
  readonly logs: Logs<Partition>;
  readonly random: Random;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  readonly limits?: CoordinatorLimits;
}

export class Coordinator<State, Input, StepEnv extends Env = Env, Effect = never> {
  readonly #options: CoordinatorOptions<State, Input, StepEnv, Effect>;
  readonly #limits: CoordinatorLimits;
  readonly #shards = new Map<number, Shard<State, Input, StepEnv, Effect>>();
  /** Who waits for an answer of which shard, by ticket. */
  readonly #waiting = new Map<
    number,
    { readonly shard: number; readonly refuse: (why: Refusal | null) => void }
  >();
  readonly #keys = { count: 0, bytes: 0 };
  readonly #loads = new Sequence();
  readonly #share: LoopShare;
  #nextTicket = 1;
  #closed = false;

  constructor(options: CoordinatorOptions<State, Input, StepEnv, Effect>) {
    this.#options = options;
    this.#limits = options.limits ?? defaultCoordinatorLimits;
    this.#share = new LoopShare(options.clock, this.#limits.sliceMs);
  }

  /** About how many bytes the states of all keys take, where the core counts them. */
  get stateBytes(): number {
    return this.#keys.bytes;
  }

  /** Requests that wait for an answer, parked ones too. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Begins to load every shard there is; called once at start. */
  loadAll(): void {
    const topic = this.#options.controller.image.topic(this.#options.topic.name);
    for (const { index } of topic?.partitions ?? []) this.#shard(index);
  }

  /** The partition that keeps this key, making the topic on first use. @throws Refusal coordinator_not_available. */
  async locate(key: string): Promise<number> {
    const { controller, random, topic, logs } = this.#options;
    try {
      const { partitions } = await ensureTopic(controller, random, topic);
      await logs.settled();
      return partitionOf(key, partitions.length);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      this.#options.logger.warn("an internal topic could not be made", { topic, error });
      throw notAvailable("The coordinator's topic could not be made; try again.");
    }
  }

  /** The log of the partition that keeps this key. @throws Refusal coordinator_not_available. */
  async logOf(key: string): Promise<Partition> {
    return this.#log(await this.locate(key));
  }

  /**
   * Steps one request for `key` and resolves with what some step replies to its ticket.
   * @throws Refusal: the core's own, or coordinator_not_available and coordinator_load_in_progress, which are retryable.
   */
  async submit<Answer>(key: string, make: (ticket: Ticket<Answer>) => Input): Promise<Answer> {
    const index = this.#indexOf(key) ?? (await this.locate(key));
    const shard = this.#shard(index);
    if (this.#waiting.size >= this.#limits.ticketsMax) {
      throw notAvailable("More requests wait for this node's coordinators than it takes.");
    }
    const number = this.#nextTicket++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const settle = (answer: Answer | Refusal): void => {
      if (!this.#waiting.delete(number)) return;
      if (answer instanceof Refusal) reject(answer);
      else resolve(answer);
    };
    const refuse = (why: Refusal | null): void =>
      settle(why ?? notAvailable("The coordinator could not keep it; try again."));
    this.#waiting.set(number, { shard: index, refuse });
    try {
      shard.post(key, make({ number, settle }), refuse);
    } catch (error) {
      this.#waiting.delete(number);
      throw error;
    }
    return promise;
  }

  /**
   * Puts an input that nobody waits for into the key's mailbox: it is stepped until it works, unless the node ends.
   * False when the shard does not take it now: it is loading, or the mailbox is full.
   */
  post(key: string, input: Input): boolean {
    const index = this.#indexOf(key);
    if (index === null) return false;
    try {
      this.#shard(index).post(key, input, null);
      return true;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  /** The key's state as committed; null where nothing is known. @throws Refusal while its shard loads. */
  state(key: string): State | null {
    const index = this.#indexOf(key);
    return index === null ? null : this.#shard(index).state(key);
  }

  /** Every key with its committed state. @throws Refusal while a shard loads. */
  *states(): Iterable<readonly [string, State]> {
    const topic = this.#options.controller.image.topic(this.#options.topic.name);
    for (const { index } of topic?.partitions ?? []) yield* this.#shard(index).states();
  }

  /**
   * Lets `append` write a transaction's marker to partition `index` of the topic; its records there count from then on, or
   * never. @throws Refusal while the shard loads; whatever `append` throws.
   */
  endTransaction(
    index: number,
    transaction: Transaction,
    committed: boolean,
    append: () => Promise<unknown>,
  ): Promise<void> {
    return this.#shard(index).end(transaction, committed, append);
  }

  close(): void {
    this.#closed = true;
    for (const shard of this.#shards.values()) shard.close();
  }

  /** Null as long as there is no topic. */
  #indexOf(key: string): number | null {
    const topic = this.#options.controller.image.topic(this.#options.topic.name);
    return topic ? partitionOf(key, topic.partitions.length) : null;
  }

  #shard(index: number): Shard<State, Input, StepEnv, Effect> {
    if (this.#closed) throw notAvailable("The node is stopping.");
    const known = this.#shards.get(index);
    if (known) return known;
    const shard = new Shard({
      ...this.#options,
      limits: this.#limits,
      log: this.#log(index),
      keys: this.#keys,
      loads: this.#loads,
      share: this.#share,
      refuseWaiting: () => this.#refuseWaiting(index),
    });
    this.#shards.set(index, shard);
    return shard;
  }

  #log(index: number): Partition {
    const { controller, logs, topic } = this.#options;
    const id = controller.image.topic(topic.name)?.id;
    const log = id === undefined ? null : logs.log(id, index);
    if (!log) throw notAvailable("The coordinator's log is not made yet; try again.");
    return log;
  }

  #refuseWaiting(shard: number): void {
    for (const waiting of this.#waiting.values()) if (waiting.shard === shard) waiting.refuse(null);
  }
}
