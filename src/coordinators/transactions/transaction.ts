/**
 * One transactional id as its coordinator keeps it: Kafka's TransactionMetadata as a value, and what each input makes of it.
 * No clock, no randomness, no I/O: the same inputs give the same states and replies.
 *
 * - States: Empty → Ongoing → PrepareCommit|PrepareAbort → CompleteCommit|CompleteAbort → Ongoing …. A state counts once its
 *   record is synced; from Prepare on the outcome is fixed, and what is left is to write the markers.
 * - Two protocols share it. Version 1 (EndTxn up to v4): the epoch stays until a new producer takes over. Version 2 (KIP-890,
 *   EndTxn v5): each end raises the epoch, so that nothing sent late can fall into the next transaction; where the epochs of
 *   a producer id are used up, the end moves the producer to a new id.
 * - What a coordinator must do next is read off the state, so that it is the same after a restart: `deadlineOf` says when a
 *   transaction times out or an idle id is forgotten, `markerOf` what must be written to which partitions.
 * - A producer id that may be needed is not taken in advance: the step says so, and is asked again with one.
 * - Left out: two-phase commit (KIP-939, unstable in Kafka 4.3). PrepareEpochFence is no state of its own here: a fence and
 *   its abort are one step.
 */
import { assert } from "../../lib/assert.ts";
import { complete, end, endVersion1, fencedOff } from "./end.ts";
import { addPartitions, holdsAll, noPartitions } from "./partitions.ts";
import {
  deadlineOf,
  isPrepared,
  LAST_USABLE_EPOCH,
  newTransaction,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type ProducerIdentity,
  type Transaction,
} from "./state.ts";
import {
  checkIdentity,
  concurrent,
  fenced,
  type InputOf,
  refused,
  renewed,
  type TransactionInput,
  type TransactionStep,
} from "./step.ts";

/** Advances one transactional id by one input; null is an id that the coordinator does not know. `nowMs` is wall time. */
export function stepTransaction(
  transaction: Transaction | null,
  input: TransactionInput,
  nowMs: number,
): TransactionStep {
  switch (input.type) {
    case "init":
      return init(transaction, input, nowMs);
    case "add-partitions":
      return add(transaction, input, nowMs);
    case "verify":
      return verify(transaction, input);
    case "end":
      return input.clientVersion === 2
        ? end(transaction, input, nowMs)
        : endVersion1(transaction, input, nowMs);
    case "marked":
      return complete(transaction, input, nowMs);
    case "expire":
      return expire(transaction, input, nowMs);
    default:
      return input satisfies never;
  }
}

function init(
  transaction: Transaction | null,
  { transactionalId, expected, freshProducerId, timeoutMs }: InputOf<"init">,
  nowMs: number,
): TransactionStep {
  if (transaction === null) {
    if (freshProducerId === null) return { reply: { type: "needs-producer-id" } };
    return renewed(newTransaction(transactionalId, freshProducerId, timeoutMs, nowMs));
  }
  if (isPrepared(transaction)) return concurrent();
  if (expected !== null && !mayGoOnFrom(transaction, expected)) return fenced(transaction);
  if (transaction.status === "Ongoing") {
    // The epoch reached here goes to nobody: the producer asks again, and gets the one after.
    return { next: fencedOff(transaction, nowMs), reply: concurrent().reply };
  }
  const base = { ...emptied(transaction), timeoutMs, updatedMs: nowMs };
  if (expected !== null && expected.producerEpoch !== transaction.producerEpoch) {
    if (expected.producerEpoch !== transaction.lastProducerEpoch) return fenced(transaction);
    // A call that succeeded and whose answer was lost: it gets the same answer again.
    if (transaction.producerEpoch <= LAST_USABLE_EPOCH) return renewed(base);
  }
  const lastProducerEpoch = expected?.producerEpoch ?? NO_PRODUCER_EPOCH;
  if (transaction.producerEpoch < LAST_USABLE_EPOCH) {
    return renewed({ ...base, producerEpoch: transaction.producerEpoch + 1, lastProducerEpoch });
  }
  if (freshProducerId === null) return { reply: { type: "needs-producer-id" } };
  return renewed({ ...base, producerId: freshProducerId, producerEpoch: 0, lastProducerEpoch });
}

/** Kafka's rule for an identity to go on from; the epoch of the current id is judged later. */
function mayGoOnFrom(transaction: Transaction, { producerId, producerEpoch }: ProducerIdentity) {
  if (producerId === transaction.producerId) return true;
  return producerId === transaction.previousProducerId && producerEpoch >= LAST_USABLE_EPOCH;
}

function add(
  transaction: Transaction | null,
  { producer, partitions, clientVersion }: InputOf<"add-partitions">,
  nowMs: number,
): TransactionStep {
  // Before the identity: who goes on under a new id has been told it and is not known by it yet.
  if (transaction && isPrepared(transaction)) return concurrent();
  const refusal = checkIdentity(transaction, producer);
  if (refusal) return refusal;
  assert(transaction !== null, "an identity is that of a transaction");
  const ongoing = transaction.status === "Ongoing";
  if (ongoing && holdsAll(transaction.partitions, partitions)) return { reply: { type: "done" } };
  const next: Transaction = {
    ...transaction,
    status: "Ongoing",
    previousProducerId: transaction.producerId,
    partitions: addPartitions(ongoing ? transaction.partitions : noPartitions, partitions),
    startMs: ongoing ? transaction.startMs : nowMs,
    updatedMs: nowMs,
    clientVersion,
  };
  return { next, reply: { type: "done" } };
}

function verify(
  transaction: Transaction | null,
  { producer, partitions }: InputOf<"verify">,
): TransactionStep {
  const refusal = checkIdentity(transaction, producer);
  if (refusal) return refusal;
  assert(transaction !== null, "an identity is that of a transaction");
  if (isPrepared(transaction)) return concurrent();
  const added = transaction.status === "Ongoing" && holdsAll(transaction.partitions, partitions);
  if (added) return { reply: { type: "done" } };
  return refused(
    "transaction_abortable",
    "The partition was not added to the transaction; abort it and begin a new one.",
  );
}

function expire(
  transaction: Transaction | null,
  { idleMs }: InputOf<"expire">,
  nowMs: number,
): TransactionStep {
  const nothing: TransactionStep = { reply: { type: "done" } };
  if (transaction === null) return nothing;
  const deadlineMs = deadlineOf(transaction, idleMs);
  if (deadlineMs === null || deadlineMs > nowMs) return nothing;
  if (transaction.status !== "Ongoing") return { ...nothing, next: null };
  return { ...nothing, next: fencedOff(transaction, nowMs) };
}

function emptied(transaction: Transaction): Transaction {
  return {
    ...transaction,
    status: "Empty",
    previousProducerId: transaction.producerId,
    nextProducerId: NO_PRODUCER_ID,
    partitions: noPartitions,
    startMs: -1,
  };
}
