/**
 * The records of `__transaction_state`, as Kafka's TransactionLog writes them: one key a transactional id, its value the whole
 * state, a tombstone for one that is forgotten.
 *
 * - Version 0 of the value, which knows no second version of transactions, is read and not written.
 * - Left out: NextProducerEpoch, of two-phase commit.
 */
import { assert } from "../../lib/assert.ts";
import { Refusal } from "../../lib/refusal.ts";
import { defineRecord, recordType } from "../../wire/record-schema.ts";
import { array, int16, int32, int64, int8, string } from "../../wire/schema.ts";
import type { CoordinatorRecord } from "../step.ts";
import { partitionsOf } from "./partitions.ts";
import {
  NO_PRODUCER_EPOCH,
  type Transaction,
  transactionStatuses,
  type TransactionStatus,
} from "./state.ts";

export const transactionLog = defineRecord({
  type: 0,
  name: "TransactionLog",
  versions: "0-1",
  flexible: "1+",
  key: { transactionalId: string() },
  value: {
    producerId: int64({ big: true }),
    previousProducerId: int64({ versions: "1+", big: true, tag: 0, default: -1n }),
    nextProducerId: int64({ versions: "1+", big: true, tag: 1, default: -1n }),
    producerEpoch: int16(),
    nextProducerEpoch: int16({ versions: "1+", tag: 3, default: -1 }),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: array(
      { topic: string(), partitionIds: array(int32()) },
      { nullable: "0+" },
    ),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: int16({ versions: "1+", tag: 2, default: 0 }),
  },
});

const VALUE_VERSION = 1;

const statusNames = new Map<number, TransactionStatus>(
  (
    [
      "Empty",
      "Ongoing",
      "PrepareCommit",
      "PrepareAbort",
      "CompleteCommit",
      "CompleteAbort",
    ] as const
  ).map((name) => [transactionStatuses[name], name]),
);

export function transactionKey(transactionalId: string): Uint8Array {
  return transactionLog.encodeKey({ transactionalId });
}

/** Whose record this is; null for one of another kind. */
export function transactionOfKey(key: Uint8Array): string | null {
  try {
    if (recordType(key) !== transactionLog.type) return null;
    return transactionLog.decodeKey(key).transactionalId;
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** What keeps this state. */
export function transactionRecord(transaction: Transaction): CoordinatorRecord {
  const value = transactionLog.encodeValue(
    {
      producerId: transaction.producerId,
      previousProducerId: transaction.previousProducerId,
      nextProducerId: transaction.nextProducerId,
      producerEpoch: transaction.producerEpoch,
      transactionTimeoutMs: transaction.timeoutMs,
      transactionStatus: transactionStatuses[transaction.status],
      transactionPartitions: transaction.partitions.map(({ topic, partitions }) => ({
        topic,
        partitionIds: partitions,
      })),
      transactionLastUpdateTimestampMs: transaction.updatedMs,
      transactionStartTimestampMs: transaction.startMs,
      clientTransactionVersion: transaction.clientVersion,
    },
    VALUE_VERSION,
  );
  return { key: transactionKey(transaction.transactionalId), value };
}

/** The state that a record keeps; null for one that says the id is gone. */
export function readTransaction(transactionalId: string, value: Uint8Array): Transaction | null {
  const read = transactionLog.decodeValue(value);
  if (read.transactionStatus === transactionStatuses.Dead) return null;
  const status = statusNames.get(read.transactionStatus);
  assert(
    status !== undefined,
    `transaction status ${read.transactionStatus} is one that is written`,
  );
  return {
    transactionalId,
    status,
    producerId: read.producerId,
    previousProducerId: read.previousProducerId,
    nextProducerId: read.nextProducerId,
    producerEpoch: read.producerEpoch,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: read.transactionTimeoutMs,
    partitions: partitionsOf(
      (read.transactionPartitions ?? []).map(({ topic, partitionIds }) => ({
        topic,
        partitions: partitionIds,
      })),
    ),
    startMs: read.transactionStartTimestampMs,
    updatedMs: read.transactionLastUpdateTimestampMs,
    clientVersion: read.clientTransactionVersion === 2 ? 2 : 0,
  };
}
