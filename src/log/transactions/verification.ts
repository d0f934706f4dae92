/**
 * The coordinator's word for the first batch of a transaction (KIP-890): before it is appended the coordinator is asked whether
 * the partition belongs to the producer's transaction, or told that it does.
 *
 * - A verification is a token that the append brings along. A marker, or the first batch, uses it up: a word that was given
 *   before a transaction ended cannot begin another one.
 * - Batches of one producer that come while its verification is under way wait behind it, in order.
 */
import { Refusal } from "../../lib/refusal.ts";
import type { KnownProducers } from "../producers/turn-producers.ts";
import { isOngoing, type Verification } from "../producers/producers.ts";

/** What the coordinator is asked. */
export interface VerifyRequest {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly topic: string;
  readonly partition: number;
  /** Add the partition to the transaction, which may begin with it (Produce v12 on); else it must have been added before. */
  readonly joins: boolean;
}

/** The transaction coordinator, as the log sees it. */
export interface TransactionVerifier {
  /**
   * Resolves once the partition is in the producer's ongoing transaction.
   * @throws Refusal with whatever the coordinator said (invalid_txn_state, producer_fenced, concurrent_transactions, …).
   */
  verify(request: VerifyRequest): Promise<void>;
}

/** A node without transactions: nobody gives a word. */
export const noTransactions: TransactionVerifier = {
  verify: () =>
    Promise.reject(
      new Refusal("coordinator_not_available", "No transaction coordinator is running here."),
    ),
};

/** The first batch of a transaction, as far as its verification asks. */
export interface FirstBatch {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** -1 for a coordinator's records. */
  readonly baseSequence: number;
  readonly joins: boolean;
}

interface Pending extends Verification {
  readonly epoch: number;
}

/** Words that were given and not used: past it the oldest are forgotten, and have to be asked for again. */
const PENDING_MAX = 10_000;
/** How often the coordinator is asked for one word. */
const ASKED_MAX = 3;

export class Verifications {
  readonly #known: Pick<KnownProducers, "state">;
  readonly #pending = new Map<bigint, Pending>();
  /** Settles when the last batch of a producer that asked has its answer. */
  readonly #queues = new Map<bigint, Promise<void>>();

  constructor(known: Pick<KnownProducers, "state">) {
    this.#known = known;
  }

  pending(producerId: bigint): Verification | null {
    return this.#pending.get(producerId) ?? null;
  }

  /** False where a batch may go straight to the log: its transaction is open, and it overtakes none of the same producer. */
  isNeeded({ producerId, producerEpoch }: FirstBatch): boolean {
    const ongoing = isOngoing(this.#known.state(producerId), producerEpoch);
    return !ongoing || this.#queues.has(producerId);
  }

  /**
   * Runs `append` with the token of a word that `ask` got from the coordinator, or without one where the transaction is open
   * already; after those of this producer that came before.
   * @throws Refusal invalid_producer_epoch, or what `ask` and `append` throw.
   */
  async verified<T>(
    batch: FirstBatch,
    ask: () => Promise<void>,
    append: (guard: object | null) => Promise<T>,
  ): Promise<T> {
    const { producerId } = batch;
    const predecessor = this.#queues.get(producerId);
    const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
    this.#queues.set(producerId, passed);
    let appending: Promise<T>;
    try {
      await predecessor;
      appending = append(await this.#word(batch, ask));
    } finally {
      if (this.#queues.get(producerId) === passed) this.#queues.delete(producerId);
      pass();
    }
    return appending;
  }

  /** Asks once more where a marker used the word up on its way: the coordinator waited for the transaction before to end. */
  async #word(batch: FirstBatch, ask: () => Promise<void>): Promise<object | null> {
    const { producerId } = batch;
    for (let asked = 1; ; asked += 1) {
      const before = this.#pending.get(producerId);
      const guard = this.#begin(batch);
      if (guard === null) return null;
      try {
        await ask();
      } catch (error) {
        // Others may have been given the same word before.
        if (!before) this.#pending.delete(producerId);
        throw error;
      }
      if (this.#pending.get(producerId)?.guard === guard || asked === ASKED_MAX) return guard;
    }
  }

  /** A batch or a marker of the producer's has been appended. */
  used(producerId: bigint): void {
    this.#pending.delete(producerId);
  }

  /** Null where the transaction is open: the coordinator knows of it. */
  #begin({ producerId, producerEpoch: epoch, baseSequence, joins }: FirstBatch): object | null {
    const state = this.#known.state(producerId);
    if (state && epoch < state.epoch) {
      throw new Refusal(
        "invalid_producer_epoch",
        `Epoch ${epoch} of this producer was followed by epoch ${state.epoch}.`,
        { epoch: state.epoch },
      );
    }
    if (isOngoing(state, epoch)) return null;
    const known = this.#pending.get(producerId);
    if (!known) {
      const guard = {};
      this.#pending.set(producerId, { guard, epoch, lowestSequence: baseSequence, joins });
      if (this.#pending.size > PENDING_MAX) {
        const [oldest = producerId] = this.#pending.keys();
        this.#pending.delete(oldest);
      }
      return guard;
    }
    const lowest =
      epoch === known.epoch ? Math.min(known.lowestSequence, baseSequence) : baseSequence;
    const next = { ...known, epoch, joins, lowestSequence: lowest };
    if (epoch >= known.epoch) this.#pending.set(producerId, next);
    return known.guard;
  }
}
