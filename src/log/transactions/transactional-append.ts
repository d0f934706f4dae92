/**
 * Appends of a transaction: with the coordinator's word for the first batch in a partition, straight to the log once the
 * transaction is open there.
 *
 * - What the coordinator refuses is said as Kafka says it to a producer (ReplicaManager, AddPartitionsToTxnManager): errors
 *   that older producers would not retry become one that they do.
 */
import { Refusal, type RefusalName } from "../../lib/refusal.ts";
import { readBatchHeader } from "../../records/batch.ts";
import {
  type AppendInput,
  type AppendResult,
  ownBatch,
  type TransactionOwner,
} from "../appending/append-request.ts";
import type { Partition } from "../partition.ts";
import type { DataBatch } from "../producers/producers.ts";
import type { FirstBatch, TransactionVerifier } from "./verification.ts";

/**
 * What the producer understands (KIP-890). `joins`: its first batch adds the partition to the transaction (Produce v12 on,
 * TxnOffsetCommit v5 on). Else the partition must have been added before, and `abortable` producers (v11) can be told
 * transaction_abortable.
 */
export type TransactionSupport = "default" | "abortable" | "joins";

/** An append that says to belong to a transaction. */
export interface TransactionalAppend {
  readonly transactionalId: string;
  readonly support: TransactionSupport;
}

/**
 * Appends a transactional batch, or records with their `transaction`.
 * @throws Refusal as `appendAsLeader`, and what the coordinator says; StorageFault.
 */
export async function appendInTransaction(
  partition: Partition,
  topic: string,
  input: AppendInput,
  transaction: TransactionalAppend,
  verifier: TransactionVerifier,
): Promise<AppendResult> {
  const { epoch } = partition;
  const batch = producedBy(input);
  if (!batch?.transactional) return partition.appendAsLeader(epoch, input);
  const appended = withWord(partition, topic, batch, transaction, verifier, (guard) =>
    partition.appendAsLeader(epoch, guard ? { ...input, guard } : input),
  );
  appended.catch((error: unknown) => {
    const { transactionalId } = transaction;
    const of = { transactionalId, topic, partition: partition.index, batch };
    partition.node.logger.debug("an append of a transaction failed", { ...of, error });
  });
  return appended;
}

/**
 * Lets `append` write a producer's transactional batch, with the coordinator's word where it is the first in this partition.
 * @throws Refusal with what the coordinator says; whatever `append` throws.
 */
export async function withWord<Result>(
  partition: Partition,
  topic: string,
  { producerId, producerEpoch, baseSequence }: Pick<FirstBatch, "baseSequence"> & TransactionOwner,
  { transactionalId, support }: TransactionalAppend,
  verifier: TransactionVerifier,
  append: (guard: object | null) => Promise<Result>,
): Promise<Result> {
  const { verifications } = partition.producers.memory;
  const first = { producerId, producerEpoch, baseSequence, joins: support === "joins" };
  if (!partition.isStableKnown) await partition.whenStableKnown();
  if (!verifications.isNeeded(first)) return append(null);
  const { index } = partition;
  const ask = async (): Promise<void> => {
    try {
      const { joins } = first;
      await verifier.verify({
        transactionalId,
        producerId,
        producerEpoch,
        topic,
        partition: index,
        joins,
      });
    } catch (error) {
      throw error instanceof Refusal ? asSaid(error, support) : error;
    }
  };
  return verifications.verified(first, ask, append);
}

/** Whether the payload is a transactional batch, by its header alone: it has not been checked. */
export function isTransactional(bytes: Uint8Array): boolean {
  return ((bytes[ATTRIBUTES_LOW_AT] ?? 0) & TRANSACTIONAL) !== 0;
}

const ATTRIBUTES_LOW_AT = 22;
const TRANSACTIONAL = 0x10;

function producedBy({ payload }: AppendInput): DataBatch | null {
  if (payload.type === "batch") return readBatchHeader(payload.bytes);
  if (payload.type === "marker" || !payload.transaction) return null;
  return ownBatch(payload.transaction, payload.records.length);
}

const RETRIED: ReadonlySet<RefusalName> = new Set([
  "coordinator_load_in_progress",
  "coordinator_not_available",
  "not_coordinator",
]);

function asSaid(refusal: Refusal, support: TransactionSupport): Refusal {
  const { code, message, facts } = refusal;
  const as = (name: RefusalName) => new Refusal(name, message, facts);
  if (code === "producer_fenced") return as("invalid_producer_epoch");
  if (code === "transaction_abortable" && support === "default") return as("invalid_txn_state");
  const retried = RETRIED.has(code) || (code === "concurrent_transactions" && support !== "joins");
  return retried ? as("not_enough_replicas") : refusal;
}
