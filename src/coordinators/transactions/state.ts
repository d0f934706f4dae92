/**
 * The state of one transactional id, and what follows from it alone: when its coordinator must look again, and what its
 * partitions are to be told.
 */
import { noPartitions, type TransactionPartitions } from "./partitions.ts";

/** Kafka's numbers of the states, as its records have them. */
export const transactionStatuses = {
  Empty: 0,
  Ongoing: 1,
  PrepareCommit: 2,
  PrepareAbort: 3,
  CompleteCommit: 4,
  CompleteAbort: 5,
  Dead: 6,
  PrepareEpochFence: 7,
} as const;

export type TransactionStatus = Exclude<
  keyof typeof transactionStatuses,
  "Dead" | "PrepareEpochFence"
>;

export const NO_PRODUCER_ID = -1n;
export const NO_PRODUCER_EPOCH = -1;
/** One below the largest int16, so that a producer at its last epoch can still be fenced. */
export const LAST_USABLE_EPOCH = 32_766;
export const EPOCH_MAX = 32_767;

/** Which transaction protocol a client speaks: 0 stands for everything before KIP-890's second part. */
export type TransactionVersion = 0 | 2;

export interface Transaction {
  readonly transactionalId: string;
  readonly status: TransactionStatus;
  readonly producerId: bigint;
  /** The id before the last transition; tells a retried end that moved to a new id. */
  readonly previousProducerId: bigint;
  /** Where a Prepare state has used up the epochs: the id that the completed transaction will have. */
  readonly nextProducerId: bigint;
  readonly producerEpoch: number;
  /** The epoch before the last bump that the producer asked for; forgotten by a restart, as in Kafka. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly partitions: TransactionPartitions;
  /** When the first partition was added; -1 without a transaction. */
  readonly startMs: number;
  readonly updatedMs: number;
  readonly clientVersion: TransactionVersion;
}

/** A producer as it names itself. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** What a transaction's partitions are to be told, and what they may believe about its producer. */
export interface TransactionMarker extends ProducerIdentity {
  readonly commit: boolean;
  readonly version: TransactionVersion;
}

/** When the coordinator must look again, wall time; null while the markers are on their way. */
export function deadlineOf(transaction: Transaction, idleMs: number): number | null {
  if (isPrepared(transaction)) return null;
  if (transaction.status === "Ongoing") return transaction.startMs + transaction.timeoutMs;
  return transaction.updatedMs + idleMs;
}

/** The marker that every partition of a prepared transaction must have before it is complete. */
export function markerOf(transaction: Transaction): TransactionMarker | null {
  if (!isPrepared(transaction)) return null;
  const { producerId, producerEpoch, status, clientVersion } = transaction;
  return { producerId, producerEpoch, commit: status === "PrepareCommit", version: clientVersion };
}

/** True from the moment that the outcome is fixed until it is told everywhere. */
export function isPrepared({ status }: Transaction): boolean {
  return status === "PrepareCommit" || status === "PrepareAbort";
}

export function newTransaction(
  transactionalId: string,
  producerId: bigint,
  timeoutMs: number,
  nowMs: number,
): Transaction {
  return {
    transactionalId,
    status: "Empty",
    producerId,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: 0,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs,
    partitions: noPartitions,
    startMs: -1,
    updatedMs: nowMs,
    clientVersion: 0,
  };
}
