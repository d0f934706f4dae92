/**
 * The end of a transaction: how each version of the protocol asks for it, a fence, and its completion.
 *
 * - Version 1 knows a retry by the state alone, since the epoch stays. In version 2 the same epoch is the next transaction's
 *   end, and the one before is a retry (the table in Kafka's TransactionCoordinator).
 * - While markers are being written every end has to be asked for again, as in Kafka (`pendingTransitionInProgress`): the
 *   producer has been told the epoch, or even the id, that is its own only once the transaction is complete.
 */
import { assert } from "../../lib/assert.ts";
import { noPartitions, type TransactionPartitions, withoutPartitions } from "./partitions.ts";
import {
  EPOCH_MAX,
  isPrepared,
  LAST_USABLE_EPOCH,
  NO_PRODUCER_ID,
  type Transaction,
} from "./state.ts";
import {
  checkIdentity,
  concurrent,
  fenced,
  type InputOf,
  invalidEnd,
  producerReply,
  type TransactionStep,
  unknownId,
} from "./step.ts";

/** EndTxn up to v4. A retry is known by the state alone, since the epoch stays. */
export function endVersion1(
  transaction: Transaction | null,
  { producer, commit }: InputOf<"end">,
  nowMs: number,
): TransactionStep {
  const refusal = checkIdentity(transaction, producer);
  if (refusal) return refusal;
  assert(transaction !== null, "an identity is that of a transaction");
  switch (transaction.status) {
    case "Ongoing": {
      const next: Transaction = {
        ...transaction,
        status: commit ? "PrepareCommit" : "PrepareAbort",
        previousProducerId: transaction.producerId,
        nextProducerId: NO_PRODUCER_ID,
        updatedMs: nowMs,
        clientVersion: 0,
      };
      return { next, reply: producerReply(next) };
    }
    case "PrepareCommit":
    case "PrepareAbort":
      return concurrent();
    case "CompleteCommit":
    case "CompleteAbort":
      return commit === (transaction.status === "CompleteCommit")
        ? { reply: producerReply(transaction) }
        : invalidEnd(transaction, commit);
    case "Empty":
      return invalidEnd(transaction, commit);
    default:
      transaction.status satisfies never;
      return invalidEnd(transaction, commit);
  }
}

/** EndTxn from v5 on (KIP-890): the same epoch is the next transaction's end, the one before is a retry. */
export function end(
  transaction: Transaction | null,
  { producer, commit, freshProducerId, unwritten = noPartitions }: InputOf<"end">,
  nowMs: number,
): TransactionStep {
  if (transaction === null) return unknownId();
  if (isPrepared(transaction)) return concurrent();
  const { status, producerEpoch } = transaction;
  const movedOn =
    transaction.previousProducerId === producer.producerId &&
    producer.producerEpoch === LAST_USABLE_EPOCH &&
    producerEpoch === 0;
  if (transaction.producerId !== producer.producerId && !movedOn) return unknownId();
  const retry = movedOn || producerEpoch === producer.producerEpoch + 1;
  const current = producerEpoch === producer.producerEpoch;
  if (retry && (status === "CompleteCommit" || status === "CompleteAbort")) {
    return commit === (status === "CompleteCommit")
      ? { reply: producerReply(transaction) }
      : invalidEnd(transaction, commit);
  }
  if (!current) return fenced(transaction, producer.producerEpoch);
  // Nothing was written, so nothing can be committed; an abort may still be asked for, to be sure.
  if (status !== "Ongoing" && commit) return invalidEnd(transaction, commit);
  const exhausted = producerEpoch >= LAST_USABLE_EPOCH;
  if (exhausted && freshProducerId === null) return { reply: { type: "needs-producer-id" } };
  const next = prepared(transaction, commit, nowMs, exhausted ? freshProducerId : null, unwritten);
  return { next, reply: producerReply(completed(next)) };
}

/** A Prepare state of version 2: the epoch is already the next one, so markers fence what comes late. */
function prepared(
  transaction: Transaction,
  commit: boolean,
  nowMs: number,
  nextProducerId: bigint | null,
  unwritten: TransactionPartitions,
): Transaction {
  const { producerEpoch, status, partitions } = transaction;
  return {
    ...transaction,
    status: commit ? "PrepareCommit" : "PrepareAbort",
    previousProducerId: transaction.producerId,
    nextProducerId: nextProducerId ?? NO_PRODUCER_ID,
    producerEpoch: Math.min(producerEpoch + 1, EPOCH_MAX),
    lastProducerEpoch: producerEpoch,
    partitions: status === "Ongoing" ? withoutPartitions(partitions, unwritten) : noPartitions,
    startMs: status === "Ongoing" ? transaction.startMs : nowMs,
    updatedMs: nowMs,
    clientVersion: 2,
  };
}

/** Takes the transaction away from its producer: the epoch passes it, whatever its version, and what it wrote is aborted. */
export function fencedOff(transaction: Transaction, nowMs: number): Transaction {
  return prepared(transaction, false, nowMs, null, noPartitions);
}

/** Markers of an end that was completed meanwhile (a coordinator that was loaded anew writes them again) change nothing. */
export function complete(
  transaction: Transaction | null,
  { producer }: InputOf<"marked">,
  nowMs: number,
): TransactionStep {
  const nothing: TransactionStep = { reply: { type: "done" } };
  if (transaction === null || !isPrepared(transaction)) return nothing;
  const { producerId, producerEpoch } = transaction;
  if (producerId !== producer.producerId || producerEpoch !== producer.producerEpoch)
    return nothing;
  return { ...nothing, next: { ...completed(transaction), updatedMs: nowMs } };
}

/** What a prepared transaction becomes once its markers are written. */
function completed(transaction: Transaction): Transaction {
  const { nextProducerId, clientVersion } = transaction;
  const moves = clientVersion === 2 && nextProducerId !== NO_PRODUCER_ID;
  return {
    ...transaction,
    status: transaction.status === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort",
    producerId: moves ? nextProducerId : transaction.producerId,
    producerEpoch: moves ? 0 : transaction.producerEpoch,
    previousProducerId: transaction.producerId,
    nextProducerId: NO_PRODUCER_ID,
    partitions: noPartitions,
  };
}
