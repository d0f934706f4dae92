/** Records of `__transaction_state`: our states through Kafka's schema and back. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  readTransaction,
  transactionKey,
  transactionLog,
  transactionOfKey,
  transactionRecord,
} from "../../../../src/coordinators/transactions/records.ts";
import { partitionsOf } from "../../../../src/coordinators/transactions/partitions.ts";
import type { Transaction } from "../../../../src/coordinators/transactions/state.ts";

const id = fc.bigInt({ min: 0n, max: 2n ** 62n });
const states = fc.record<Transaction>({
  transactionalId: fc.string({ minLength: 1 }).filter((text) => text.isWellFormed()),
  status: fc.constantFrom(
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
  ),
  producerId: id,
  previousProducerId: fc.oneof(id, fc.constant(-1n)),
  nextProducerId: fc.oneof(id, fc.constant(-1n)),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  lastProducerEpoch: fc.constant(-1),
  timeoutMs: fc.integer({ min: 1, max: 900_000 }),
  partitions: fc
    .array(fc.tuple(fc.constantFrom("a", "b", "c.d"), fc.nat(100)))
    .map((places) => partitionsOf(places.map(([topic, at]) => ({ topic, partitions: [at] })))),
  startMs: fc.integer({ min: -1 }),
  updatedMs: fc.nat(),
  clientVersion: fc.constantFrom(0, 2),
});

test("what is written is read back", () => {
  fc.assert(
    fc.property(states, (state) => {
      const { key, value } = transactionRecord(state);
      expect(transactionOfKey(key)).toBe(state.transactionalId);
      expect(readTransaction(state.transactionalId, value as Uint8Array)).toEqual(state);
    }),
  );
});

test("the oldest form is read: nothing of version 2 in it", () => {
  const value = transactionLog.encodeValue(
    {
      producerId: 5n,
      producerEpoch: 3,
      transactionTimeoutMs: 1_000,
      transactionStatus: 1,
      transactionPartitions: [{ topic: "t", partitionIds: [2, 0] }],
      transactionLastUpdateTimestampMs: 7,
      transactionStartTimestampMs: 6,
    },
    0,
  );
  expect(readTransaction("id", value)).toMatchObject({
    status: "Ongoing",
    producerId: 5n,
    previousProducerId: -1n,
    partitions: [{ topic: "t", partitions: [0, 2] }],
    clientVersion: 0,
  });
});

test("records of other kinds are nobody's", () => {
  expect(transactionOfKey(new Uint8Array([0, 1, 0, 1, 65]))).toBeNull();
  expect(transactionOfKey(new Uint8Array([0]))).toBeNull();
  expect(transactionOfKey(transactionKey("id").subarray(0, 4))).toBeNull();
});
