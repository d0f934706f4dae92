/**
 * The one-shot transaction: records for several partitions and a group's offsets, all of them or none, in one call.
 *
 * - It is an ordinary transaction of version 2, run by one of the node's own producers (`one-shot-producers.ts`), each of which
 *   goes from one transaction to the next.
 * - With an idempotency key it is kept once: every partition's records have a receipt (`log/receipts/receipts.ts`) under the key and
 *   the number of the attempt, in the same commit as the records. Whoever asks again finds the receipts, and the log tells
 *   whether that attempt was committed or aborted; after an aborted one the next attempt begins.
 * - What can be refused beforehand is refused before a partition is touched (`transact-checks.ts`). Where another writer comes in
 *   between nevertheless, a partition that took nothing gets no marker, and the offset that is told is the one after all markers.
 * - A transaction without records needs no receipt: to commit the same offsets twice changes nothing.
 */
import type { TransactionCoordinator } from "../../coordinators/transactions/coordinator.ts";
import {
  noPartitions,
  partitionsOf,
  type TransactionPartitions,
} from "../../coordinators/transactions/partitions.ts";
import type { ProducerIdentity } from "../../coordinators/transactions/state.ts";
import { assert } from "../../lib/assert.ts";
import { mapAsync, Sequence } from "../../lib/async.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { NewRecord } from "../../records/record.ts";
import { StorageFault } from "../../storage/storage.ts";
import type { AppendAnswer, AppendRequest, Context } from "../verbs.ts";
import { type OneShotProducer, OneShotProducers } from "./one-shot-producers.ts";

export interface TransactPart {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly NewRecord[];
  readonly expectOffset?: number;
}

/** Offsets that a consumer commits with a transaction; without a member: whoever the group's rules let. */
export interface TransactOffsets {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly metadata: string;
  }[];
}

export interface TransactRequest {
  /** One entry a partition. */
  readonly parts: readonly TransactPart[];
  readonly offsets: TransactOffsets | null;
  /** Null: a repeated call writes again. */
  readonly key: string | null;
}

export interface TransactAnswer {
  /** One a part, in order. */
  readonly appended: readonly Pick<AppendAnswer, "baseOffset" | "count" | "timestampMs">[];
  readonly duplicate: boolean;
}

/** Where an earlier attempt under the same key went. */
export interface Receipt {
  readonly baseOffset: number;
  readonly count: number;
  readonly timestampMs: number | null;
}

export interface TransactorOptions {
  readonly nodeId: number;
  readonly coordinator: TransactionCoordinator;
  readonly append: (context: Context, request: AppendRequest) => Promise<AppendAnswer>;
  /** Refuses what can be known beforehand. */
  readonly check: (context: Context, request: TransactRequest) => Promise<void>;
  /** What to say where the offset that a part expected was not met: with the one that is next once what is open has ended. */
  readonly stale: (parts: readonly TransactPart[]) => Promise<Refusal | null>;
  /** What a partition knows of an idempotency key. */
  readonly receipt: (place: TransactPart, key: string) => Promise<Receipt | null>;
  /** What became of the transaction that wrote the record at an offset. */
  readonly fate: (place: TransactPart, offset: number) => Promise<"committed" | "aborted" | "open">;
  /** The partition of the group's offsets, as a partition of the transaction. */
  readonly placeOfGroup: (
    groupId: string,
  ) => Promise<{ readonly topic: string; readonly partitions: readonly number[] }>;
  /** Makes the group's offsets part of the transaction and commits them with it. */
  readonly commitOffsets: (
    context: Context,
    offsets: TransactOffsets,
    transactionalId: string,
    producer: ProducerIdentity,
  ) => Promise<void>;
  /** Waits this long, for what is tried again. */
  readonly pause: (waitMs: number) => Promise<void>;
}

/** Attempts under one key that may have been aborted before one is refused. */
const ATTEMPTS_MAX = 100;
const TRIES_MAX = 8;
const TRY_PAUSE_MS = 25;
const COMPLETION_WAIT_MS = 2_000;

type Written =
  | { readonly appended: readonly AppendAnswer[] }
  | { readonly failed: unknown; readonly untouched: TransactionPartitions };

type Outcome = PromiseSettledResult<AppendAnswer>;
type Outcomes = Map<TransactPart, Outcome>;

export class Transactor {
  readonly #options: TransactorOptions;
  readonly #producers: OneShotProducers;
  /** One call of a key at a time. */
  readonly #keys = new Map<string, { readonly calls: Sequence; waiting: number }>();

  constructor(options: TransactorOptions) {
    this.#options = options;
    this.#producers = new OneShotProducers(options);
  }

  /** Aborts what a process before left open of its transactions; called once at start, resolves once all are fenced off. */
  abortLeftOpen(): Promise<void> {
    return this.#producers.abortLeftOpen();
  }

  /** Resolves once everything is committed and can be read. @throws Refusal or StorageFault; then nothing was done. */
  async transact(context: Context, request: TransactRequest): Promise<TransactAnswer> {
    const { key } = request;
    if (key === null || request.parts.length === 0) return this.#attempt(context, request, null);
    const line = this.#keys.get(key) ?? { calls: new Sequence(), waiting: 0 };
    this.#keys.set(key, line);
    line.waiting += 1;
    try {
      return await line.calls.run(() => this.#once(context, request, key));
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#keys.delete(key);
    }
  }

  async #once(context: Context, request: TransactRequest, key: string): Promise<TransactAnswer> {
    const { parts } = request;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const name = `transact:${attempt}:${key}`;
      const receipts = await mapAsync(parts, (part) => this.#options.receipt(part, name));
      // An attempt that was aborted may have reached some of its partitions only.
      const at = receipts.findIndex((receipt) => receipt !== null);
      const [part, receipt] = [parts[at], receipts[at]];
      if (!part || !receipt) return this.#attempt(context, request, name);
      if ((await this.#settled(part, receipt.baseOffset)) === "aborted") continue;
      return { appended: allOf(parts, receipts), duplicate: true };
    }
    throw new Refusal(
      "policy_violation",
      "Too many attempts under this key failed; take a new one.",
    );
  }

  async #settled(place: TransactPart, offset: number): Promise<"committed" | "aborted"> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const fate = await this.#options.fate(place, offset);
      if (fate !== "open") return fate;
      await this.#options.pause(TRY_PAUSE_MS * 2 ** tries);
    }
    throw new Refusal(
      "concurrent_transactions",
      "An earlier attempt under this key has not ended yet; ask again in a moment.",
    );
  }

  async #attempt(
    context: Context,
    request: TransactRequest,
    receiptKey: string | null,
  ): Promise<TransactAnswer> {
    try {
      return await this.#producers.run((producer) =>
        this.#run(context, request, receiptKey, producer),
      );
    } catch (error) {
      const isStale = error instanceof Refusal && error.code === "offset_mismatch";
      throw (isStale ? await this.#options.stale(request.parts) : null) ?? error;
    }
  }

  async #run(
    context: Context,
    request: TransactRequest,
    receiptKey: string | null,
    producer: OneShotProducer,
  ): Promise<TransactAnswer> {
    const { coordinator } = this.#options;
    const { transactionalId } = producer;
    await this.#options.check(context, request);
    const identity = await this.#begin(request, producer);
    const written = await this.#write(context, request, receiptKey, transactionalId, identity);
    if ("failed" in written) {
      await this.#end(producer, identity, false, written.untouched);
      await coordinator.completion(transactionalId, COMPLETION_WAIT_MS);
      throw withoutEffect(written.failed);
    }
    if (!(await this.#end(producer, identity, true, noPartitions))) {
      throw new Refusal("request_timed_out", "Nobody can say yet whether it was committed.");
    }
    await coordinator.completion(transactionalId, COMPLETION_WAIT_MS);
    return { appended: written.appended, duplicate: false };
  }

  /** Opens the transaction with everything that it will write to. */
  async #begin(
    { parts, offsets }: TransactRequest,
    producer: OneShotProducer,
  ): Promise<ProducerIdentity> {
    const { coordinator, placeOfGroup } = this.#options;
    const { transactionalId } = producer;
    const places = partitionsOf([
      ...parts.map(({ topic, partition }) => ({ topic, partitions: [partition] })),
      ...(offsets ? [await placeOfGroup(offsets.groupId)] : []),
    ]);
    for (let tries = 1; ; tries += 1) {
      try {
        const identity = await this.#producers.identify(producer);
        await coordinator.addPartitions(transactionalId, identity, places, 2);
        return identity;
      } catch (error) {
        if (!(error instanceof Refusal) || tries === TRIES_MAX) throw error;
        const gone =
          error.code === "invalid_producer_id_mapping" || error.code === "producer_fenced";
        if (gone) producer.identity = null;
        else if (error.code === "concurrent_transactions") {
          await coordinator.completion(transactionalId, COMPLETION_WAIT_MS);
        } else if (error.code.startsWith("coordinator_")) {
          await this.#options.pause(TRY_PAUSE_MS * 2 ** tries);
        } else throw error;
      }
    }
  }

  /** Everything is tried and awaited before the first failure is told: nothing may be written after the end. */
  async #write(
    context: Context,
    { parts, offsets }: TransactRequest,
    receiptKey: string | null,
    transactionalId: string,
    producer: ProducerIdentity,
  ): Promise<Written> {
    const { commitOffsets, append } = this.#options;
    const committing = offsets ? commitOffsets(context, offsets, transactionalId, producer) : null;
    const told = committing?.catch(() => {}); // Awaited below.
    const outcomes: Outcomes = new Map();
    for (const some of inTurn(parts)) {
      const appending = some.map(({ topic, partition, records, expectOffset }) =>
        append(context, {
          topic,
          partition,
          acks: -1,
          payload: { type: "records", records, transaction: producer },
          transactional: { transactionalId, support: "joins" },
          ...(expectOffset === undefined ? {} : { expectOffset }),
          ...(receiptKey === null ? {} : { idempotence: { type: "key", key: receiptKey } }),
        }),
      );
      const settled = await Promise.allSettled(appending);
      for (const [at, part] of some.entries()) {
        const outcome = settled[at];
        if (outcome) outcomes.set(part, outcome);
      }
      if (settled.some(({ status }) => status === "rejected")) break;
    }
    await told;
    try {
      await committing;
      const appended = answersOf(parts, outcomes);
      if (!appended.some(({ duplicate }) => duplicate)) return { appended };
      throw new Refusal("concurrent_transactions", "Another attempt came in between; ask again.");
    } catch (failed) {
      return { failed, untouched: untouchedOf(parts, outcomes) };
    }
  }

  /** True once the outcome is fixed; an end may be asked for again and again. */
  async #end(
    producer: OneShotProducer,
    identity: ProducerIdentity,
    commit: boolean,
    untouched: TransactionPartitions,
  ): Promise<boolean> {
    const { coordinator, pause } = this.#options;
    const { transactionalId } = producer;
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      try {
        producer.identity = await coordinator.end(transactionalId, identity, commit, 2, untouched);
        return true;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        // Its own coordinator ended it, since it took too long: it is aborted, and so is what was written.
        const ended = ["invalid_txn_state", "producer_fenced", "invalid_producer_id_mapping"];
        if (ended.includes(error.code)) {
          producer.identity = null;
          if (!commit) return true;
          throw error;
        }
        if (error.code === "concurrent_transactions") {
          await coordinator.completion(transactionalId, COMPLETION_WAIT_MS);
        } else await pause(TRY_PAUSE_MS * 2 ** tries);
      }
    }
    producer.identity = null;
    return false;
  }
}

/** Parts that expect an offset go first: where one is refused the others are not begun. */
function inTurn(parts: readonly TransactPart[]): readonly (readonly TransactPart[])[] {
  const expects = ({ expectOffset }: TransactPart): boolean => expectOffset !== undefined;
  return [parts.filter(expects), parts.filter((part) => !expects(part))];
}

/** One answer a part, in their order. Throws what one of them was refused with. */
function answersOf(parts: readonly TransactPart[], outcomes: Outcomes): AppendAnswer[] {
  for (const outcome of outcomes.values()) if (outcome.status === "rejected") throw outcome.reason;
  return parts.map((part) => {
    const outcome = outcomes.get(part);
    assert(outcome?.status === "fulfilled", "a part that was not begun comes after one refused");
    return outcome.value;
  });
}

/** Partitions that took nothing of it: their append was not begun, was refused, or was another attempt's. */
function untouchedOf(parts: readonly TransactPart[], outcomes: Outcomes): TransactionPartitions {
  const untouched = parts.filter((part) => {
    const outcome = outcomes.get(part);
    if (outcome?.status === "fulfilled") return outcome.value.duplicate;
    return !outcome || outcome.reason instanceof Refusal;
  });
  return partitionsOf(
    untouched.map(({ topic, partition }) => ({ topic, partitions: [partition] })),
  );
}

/** A committed attempt has reached all its partitions, unless the key stood for other records then. */
function allOf(parts: readonly TransactPart[], receipts: readonly (Receipt | null)[]): Receipt[] {
  return parts.map(({ records }, at) => {
    const receipt = receipts[at];
    if (receipt?.count === records.length) return receipt;
    throw new Refusal(
      "invalid_request",
      "This idempotency key was used for another transaction; take a new key.",
    );
  });
}

/** The transaction was aborted, so nothing of it stands whatever became of its parts. */
function withoutEffect(error: unknown): unknown {
  if (!(error instanceof StorageFault) || error.outcome === "none") return error;
  return new StorageFault(error.kind, error.message, { outcome: "none", cause: error });
}
