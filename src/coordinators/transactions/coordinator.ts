/**
 * The transaction coordinator: transactional ids over the driver, producer ids, and the markers that end a transaction.
 *
 * - A request that meets the end of the transaction before waits for its markers a moment (`add.partitions.to.txn.retry.
 *   backoff.max.ms`), which is nearly always enough, instead of sending its client round again.
 * - Left out: other nodes; every partition's marker is written here.
 */
import type { Controller } from "../../cluster/controller.ts";
import type { Random } from "../../lib/random.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { LogNode } from "../../log/log-node.ts";
import type { Logs } from "../../log/logs.ts";
import type { Partition } from "../../log/partition.ts";
import type { TransactionVerifier, VerifyRequest } from "../../log/transactions/verification.ts";
import { Coordinator } from "../coordinator.ts";
import type { GroupCoordinator } from "../groups/coordinator.ts";
import type { CoordinatorLimits } from "../limits.ts";
import { compactedState, OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from "../internal-topic.ts";
import { ProducerIds } from "./producer-ids.ts";
import type { Env } from "../step.ts";
import { transactionCore, type TransactionRequest, type WriteMarkers } from "./core.ts";
import { defaultTransactionLimits, type TransactionLimits } from "./limits.ts";
import { type MarkerPlace, TransactionMarkers } from "./markers.ts";
import { noPartitions, type TransactionPartitions } from "./partitions.ts";
import type {
  ProducerIdentity,
  Transaction,
  TransactionMarker,
  TransactionVersion,
} from "./state.ts";
import type { TransactionInput, TransactionReply } from "./step.ts";

/** With one node the coordinator of an id never changes. */
const COORDINATOR_EPOCH = 0;

export interface TransactionCoordinatorOptions {
  readonly controller: Controller;
  readonly logs: Logs<Partition>;
  readonly node: LogNode;
  readonly random: Random;
  /** Who keeps the offsets that transactions commit. */
  readonly groups: Pick<GroupCoordinator, "driver">;
  readonly limits?: TransactionLimits;
  readonly coordinatorLimits?: CoordinatorLimits;
}

export interface InitProducerId {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  readonly expected: ProducerIdentity | null;
}

export class TransactionCoordinator implements TransactionVerifier {
  readonly limits: TransactionLimits;
  readonly #options: TransactionCoordinatorOptions;
  readonly #ids: ProducerIds;
  readonly #markers: TransactionMarkers;
  readonly #coordinator: Coordinator<Transaction, TransactionRequest, Env, WriteMarkers>;

  constructor(options: TransactionCoordinatorOptions) {
    const { limits = defaultTransactionLimits, coordinatorLimits, ...rest } = options;
    const { controller, node } = rest;
    const { clock, deadlines, logger } = node;
    this.#options = options;
    this.limits = limits;
    this.#ids = new ProducerIds(controller);
    this.#markers = new TransactionMarkers({
      clock,
      logger,
      write: (place, marker) => this.writeMarker(place, marker),
      done: (transactionalId, producer) =>
        this.#coordinator.post(transactionalId, {
          input: { type: "marked", producer },
          ticket: null,
        }),
    });
    this.#coordinator = new Coordinator({
      ...rest,
      clock,
      deadlines,
      logger,
      ...(coordinatorLimits ? { limits: coordinatorLimits } : {}),
      topic: {
        name: TRANSACTIONS_TOPIC,
        partitions: this.limits.partitions,
        configs: { ...compactedState, "compression.type": "uncompressed" },
      },
      core: transactionCore(this.limits.idleMs),
      env: () => ({ nowMs: clock.nowMs() }),
      perform: (_key, { transaction }) => this.#markers.begin(transaction),
    });
  }

  /** Takes up every transaction that was under way; called once at start. */
  loadAll(): void {
    this.#coordinator.loadAll();
  }

  close(): void {
    this.#markers.close();
    this.#coordinator.close();
  }

  /** The partition of `__transaction_state` that keeps this id, making the topic on first use. */
  locate(transactionalId: string): Promise<number> {
    return this.#coordinator.locate(transactionalId);
  }

  /** An id for a producer without transactions. */
  async takeProducerId(): Promise<ProducerIdentity> {
    return { producerId: await this.#ids.take(), producerEpoch: 0 };
  }

  /** Makes the caller the one producer of its transactional id. @throws Refusal, as Kafka's InitProducerId. */
  async init({ transactionalId, timeoutMs, expected }: InitProducerId): Promise<ProducerIdentity> {
    if (transactionalId === "") throw noId();
    if (!(timeoutMs > 0 && timeoutMs <= this.limits.timeoutMsMax)) {
      throw new Refusal(
        "invalid_transaction_timeout",
        `A transaction's timeout must be from 1 to ${this.limits.timeoutMsMax} ms; it is ${timeoutMs}.`,
      );
    }
    const input = { type: "init", transactionalId, timeoutMs, expected } as const;
    return producerOf(
      await this.#ask(transactionalId, (freshProducerId) => ({ ...input, freshProducerId })),
    );
  }

  /**
   * Makes partitions part of the producer's open transaction, or of a new one.
   * @throws Refusal; concurrent_transactions when the one before takes longer to complete than a moment.
   */
  async addPartitions(
    transactionalId: string,
    producer: ProducerIdentity,
    partitions: TransactionPartitions,
    clientVersion: TransactionVersion,
  ): Promise<void> {
    if (transactionalId === "") throw noId();
    const add = (): Promise<TransactionReply> =>
      this.#ask(transactionalId, () => ({
        type: "add-partitions",
        producer,
        partitions,
        clientVersion,
      }));
    try {
      await add();
    } catch (error) {
      if (!isConcurrent(error)) throw error;
      await this.completion(transactionalId);
      await add();
    }
  }

  /** Refuses with transaction_abortable unless the partitions are part of the producer's open transaction. */
  async checkPartitions(
    transactionalId: string,
    producer: ProducerIdentity,
    partitions: TransactionPartitions,
  ): Promise<void> {
    if (transactionalId === "") throw noId();
    await this.#ask(transactionalId, () => ({ type: "verify", producer, partitions }));
  }

  /** The coordinator's word to the log for the first batch of a transaction in a partition. */
  async verify(request: VerifyRequest): Promise<void> {
    const { transactionalId, producerId, producerEpoch, topic, partition, joins } = request;
    const producer = { producerId, producerEpoch };
    const partitions = [{ topic, partitions: [partition] }];
    if (joins) await this.addPartitions(transactionalId, producer, partitions, 2);
    else await this.checkPartitions(transactionalId, producer, partitions);
  }

  /**
   * Commits or aborts; resolves once the outcome is fixed, with the identity to go on with. Partitions that the caller knows to
   * hold nothing of the transaction (`unwritten`) get no marker. @throws Refusal.
   */
  async end(
    transactionalId: string,
    producer: ProducerIdentity,
    commit: boolean,
    clientVersion: TransactionVersion,
    unwritten: TransactionPartitions = noPartitions,
  ): Promise<ProducerIdentity> {
    if (transactionalId === "") throw noId();
    const input = { type: "end", producer, commit, clientVersion, unwritten } as const;
    return producerOf(
      await this.#ask(transactionalId, (freshProducerId) => ({ ...input, freshProducerId })),
    );
  }

  /** Resolves once the markers under way for this id are written, or after a moment. */
  async completion(transactionalId: string, waitMs = this.limits.completionWaitMs): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const deadline = { expire: resolve };
    const { deadlines } = this.#options.node;
    deadlines.add(deadline, waitMs);
    await Promise.race([this.#markers.finished(transactionalId), promise]);
    deadlines.remove(deadline);
  }

  /** The id's state as committed; null when it is not known. @throws Refusal while its coordinator loads. */
  state(transactionalId: string): Transaction | null {
    return this.#coordinator.state(transactionalId);
  }

  /** Every known id's state. @throws Refusal while a coordinator loads. */
  *states(): Iterable<Transaction> {
    for (const [, transaction] of this.#coordinator.states()) yield transaction;
  }

  /** Appends one marker, synced; `gone` where there is no such partition. @throws Refusal, StorageFault. */
  async writeMarker(
    { topic, index }: MarkerPlace,
    marker: TransactionMarker,
    coordinatorEpoch = COORDINATOR_EPOCH,
  ): Promise<"written" | "gone"> {
    const { controller, logs, groups } = this.#options;
    const image = controller.image.topic(topic);
    if (!image?.partitions[index]) return "gone";
    const log = logs.log(image.id, index);
    if (!log) throw new Refusal("not_leader_or_follower", "The partition's log is not made yet.");
    const { producerId, producerEpoch, commit, version } = marker;
    const payload = {
      type: "marker",
      marker: { producerId, producerEpoch, commit, coordinatorEpoch, transactionVersion: version },
    } as const;
    const append = (): Promise<unknown> => log.appendAsLeader(log.epoch, { acks: -1, payload });
    if (topic !== OFFSETS_TOPIC) await append();
    else {
      const producer = { producerId, producerEpoch };
      await groups.driver.endTransaction(index, producer, commit, append);
    }
    return "written";
  }

  /** Steps a request; where a step asks for a producer id, once more with one. */
  async #ask(
    transactionalId: string,
    input: (freshProducerId: bigint | null) => TransactionInput,
  ): Promise<TransactionReply> {
    let fresh: bigint | null = null;
    for (;;) {
      const asked = input(fresh);
      const reply = await this.#coordinator.submit<TransactionReply>(transactionalId, (ticket) => ({
        input: asked,
        ticket,
      }));
      if (reply.type === "refused") {
        const { code, message } = reply;
        this.#options.node.logger.debug("a transactional request was refused", {
          ...asked,
          transactionalId,
          code,
          message,
        });
        throw new Refusal(code, message);
      }
      if (reply.type !== "needs-producer-id") return reply;
      fresh = await this.#ids.take();
    }
  }
}

function producerOf(reply: TransactionReply): ProducerIdentity {
  if (reply.type !== "producer") throw new TypeError("the reply to this input is a producer's");
  return { producerId: reply.producerId, producerEpoch: reply.producerEpoch };
}

function isConcurrent(error: unknown): boolean {
  return error instanceof Refusal && error.code === "concurrent_transactions";
}

function noId(): Refusal {
  return new Refusal("invalid_request", "The transactional id must not be empty.");
}
