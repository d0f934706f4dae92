/**
 * What goes into a step of a transactional id and what comes out of it.
 */
import type { RefusalName } from "../../lib/refusal.ts";
import type { TransactionPartitions } from "./partitions.ts";
import {
  NO_PRODUCER_EPOCH,
  type ProducerIdentity,
  type Transaction,
  type TransactionVersion,
} from "./state.ts";

export type TransactionInput =
  | {
      readonly type: "init";
      readonly transactionalId: string;
      readonly timeoutMs: number;
      /** The producer goes on from this identity (KIP-360); null: it begins anew. */
      readonly expected: ProducerIdentity | null;
      /** A producer id that nobody has; null until a step asked for it. */
      readonly freshProducerId: bigint | null;
    }
  | {
      readonly type: "add-partitions";
      readonly producer: ProducerIdentity;
      readonly partitions: TransactionPartitions;
      readonly clientVersion: TransactionVersion;
    }
  | {
      readonly type: "verify";
      readonly producer: ProducerIdentity;
      readonly partitions: TransactionPartitions;
    }
  | {
      readonly type: "end";
      readonly producer: ProducerIdentity;
      readonly commit: boolean;
      readonly clientVersion: TransactionVersion;
      readonly freshProducerId: bigint | null;
      /** Partitions to which nothing was appended, as whoever wrote knows: they get no marker. Version 2 alone. */
      readonly unwritten?: TransactionPartitions;
    }
  /** Every partition has the marker of this producer's transaction. */
  | { readonly type: "marked"; readonly producer: ProducerIdentity }
  /** The time given by `deadlineOf` may have come. */
  | { readonly type: "expire"; readonly idleMs: number };

export type InputOf<Type extends TransactionInput["type"]> = Extract<
  TransactionInput,
  { type: Type }
>;

export type TransactionReply =
  /** The identity that the producer is to use from now on. */
  | ({ readonly type: "producer" } & ProducerIdentity)
  | { readonly type: "done" }
  | { readonly type: "refused"; readonly code: RefusalName; readonly message: string }
  | { readonly type: "needs-producer-id" };

export interface TransactionStep {
  /** The state to be recorded; null forgets the id. Undefined: nothing changes. */
  readonly next?: Transaction | null;
  readonly reply: TransactionReply;
}

/** Refuses a producer that is not the one this transactional id belongs to now; null when it is. */
export function checkIdentity(
  transaction: Transaction | null,
  { producerId, producerEpoch }: ProducerIdentity,
): TransactionStep | null {
  if (transaction === null || transaction.producerId !== producerId) return unknownId();
  return transaction.producerEpoch === producerEpoch ? null : fenced(transaction, producerEpoch);
}

export function renewed(next: Transaction): TransactionStep {
  return { next, reply: producerReply(next) };
}

export function producerReply({ producerId, producerEpoch }: Transaction): TransactionReply {
  return { type: "producer", producerId, producerEpoch };
}

export function refused(code: RefusalName, message: string): TransactionStep {
  return { reply: { type: "refused", code, message } };
}

/** `producerEpoch` is the one that was refused, where the producer itself may have gone on from it. */
export function fenced(
  { producerEpoch: epoch, lastProducerEpoch }: Transaction,
  producerEpoch = NO_PRODUCER_EPOCH,
): TransactionStep {
  const isOver = producerEpoch !== NO_PRODUCER_EPOCH && producerEpoch === lastProducerEpoch;
  return refused(
    "producer_fenced",
    isOver
      ? `This transaction is over: go on with the one after it, at epoch ${epoch}. By HTTP it is \`next.txn\` in the answer to its commit or abort.`
      : `Another producer with this transactional id took over; it is at epoch ${epoch}.`,
  );
}

export function unknownId(): TransactionStep {
  return refused(
    "invalid_producer_id_mapping",
    "The producer id is not the one of this transactional id; begin with InitProducerId.",
  );
}

export function concurrent(): TransactionStep {
  return refused(
    "concurrent_transactions",
    "The transaction before is still being completed; try again in a moment.",
  );
}

export function invalidEnd({ status }: Transaction, commit: boolean): TransactionStep {
  return refused(
    "invalid_txn_state",
    `The transaction is ${status}; it cannot be ${commit ? "committed" : "aborted"}.`,
  );
}
