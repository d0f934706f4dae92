/**
 * One transactional id, input by input. What is expected here is what Apache Kafka 4.3.1 answers to the same requests.
 */
import { describe, expect, test } from "bun:test";
import {
  deadlineOf,
  markerOf,
  type ProducerIdentity,
  type Transaction,
  type TransactionVersion,
} from "../../../../src/coordinators/transactions/state.ts";
import type {
  TransactionInput,
  TransactionReply,
} from "../../../../src/coordinators/transactions/step.ts";
import { stepTransaction } from "../../../../src/coordinators/transactions/transaction.ts";

const ID = 7n;
const TIMEOUT_MS = 60_000;
const partitions = [{ topic: "t", partitions: [0] }];

/** One id whose steps are all recorded; the time moves by one with each. */
class World {
  state: Transaction | null = null;
  nowMs = 1_000;
  fresh = ID;

  input(input: TransactionInput): TransactionReply {
    const { next, reply } = stepTransaction(this.state, input, this.nowMs++);
    if (reply.type === "needs-producer-id" && (input.type === "init" || input.type === "end")) {
      expect(next).toBeUndefined();
      return this.input({ ...input, freshProducerId: this.fresh++ });
    }
    if (next !== undefined) this.state = next;
    return reply;
  }

  init(expected: ProducerIdentity | null = null): string {
    return told(
      this.input({
        type: "init",
        transactionalId: "id",
        timeoutMs: TIMEOUT_MS,
        expected,
        freshProducerId: null,
      }),
    );
  }

  add(epoch: number, clientVersion: TransactionVersion = 2, id = ID): string {
    const producer = { producerId: id, producerEpoch: epoch };
    return told(this.input({ type: "add-partitions", producer, partitions, clientVersion }));
  }

  verify(epoch: number, index = 0): string {
    const producer = { producerId: ID, producerEpoch: epoch };
    const asked = [{ topic: "t", partitions: [index] }];
    return told(this.input({ type: "verify", producer, partitions: asked }));
  }

  end(epoch: number, commit: boolean, clientVersion: TransactionVersion = 2, id = ID): string {
    const producer = { producerId: id, producerEpoch: epoch };
    return told(
      this.input({ type: "end", producer, commit, clientVersion, freshProducerId: null }),
    );
  }

  mark(): void {
    const { producerId, producerEpoch } = this.state ?? { producerId: -1n, producerEpoch: -1 };
    this.input({ type: "marked", producer: { producerId, producerEpoch } });
  }

  /** Puts the producer near the end of its epochs. */
  age(producerEpoch: number): void {
    if (this.state) this.state = { ...this.state, producerEpoch };
  }
}

function told(reply: TransactionReply): string {
  if (reply.type === "refused") return reply.code;
  return reply.type === "producer" ? `${reply.producerId}/${reply.producerEpoch}` : reply.type;
}

function begun(): World {
  const world = new World();
  expect(world.init()).toBe("7/0");
  return world;
}

describe("version 2", () => {
  test("each end raises the epoch, and a retry is answered with the same", () => {
    const world = begun();
    expect(world.add(0)).toBe("done");
    expect(world.end(0, true)).toBe("7/1");
    expect(world.state?.status).toBe("PrepareCommit");
    expect(world.end(0, true)).toBe("concurrent_transactions");
    expect(world.add(1)).toBe("concurrent_transactions");
    expect(markerOf(world.state as Transaction)).toEqual({
      producerId: ID,
      producerEpoch: 1,
      commit: true,
      version: 2,
    });
    world.mark();
    expect(world.state).toMatchObject({ status: "CompleteCommit", partitions: [] });
    expect(world.end(0, true)).toBe("7/1");
    expect(world.end(0, false)).toBe("invalid_txn_state");
    expect(world.end(1, true)).toBe("invalid_txn_state");
    expect(world.end(1, false)).toBe("7/2");
    world.mark();
    expect(world.end(0, true)).toBe("producer_fenced");
  });

  test("an abort needs no partition, a commit does", () => {
    const world = begun();
    expect(world.end(0, true)).toBe("invalid_txn_state");
    expect(world.end(0, false)).toBe("7/1");
    expect(world.state).toMatchObject({ status: "PrepareAbort", partitions: [] });
    world.mark();
    expect(world.end(0, false)).toBe("7/1");
    expect(world.state?.status).toBe("CompleteAbort");
  });

  test("when the epochs are used up the producer goes on under a new id", () => {
    const world = begun();
    world.age(32_766);
    expect(world.add(32_766)).toBe("done");
    expect(world.end(32_766, true)).toBe("8/0");
    expect(markerOf(world.state as Transaction)).toMatchObject({
      producerId: ID,
      producerEpoch: 32_767,
    });
    expect(world.end(32_766, true)).toBe("concurrent_transactions");
    expect(world.add(0, 2, 8n)).toBe("concurrent_transactions");
    expect(world.end(0, false, 2, 8n)).toBe("concurrent_transactions");
    world.mark();
    expect(world.state).toMatchObject({ producerId: 8n, producerEpoch: 0, previousProducerId: ID });
    expect(world.end(32_766, true)).toBe("8/0");
    expect(world.end(32_766, false)).toBe("invalid_txn_state");
    expect(world.add(0, 2, 8n)).toBe("done");
    expect(world.end(32_766, true)).toBe("invalid_producer_id_mapping");
  });
});

describe("while markers are being written", () => {
  test("everything is to be asked again, whoever asks: what was told is true only afterwards", () => {
    const world = begun();
    expect(world.add(0)).toBe("done");
    expect(world.end(0, true)).toBe("7/1");
    // The next transaction, with nothing in it, is aborted at once.
    expect(world.end(1, false)).toBe("concurrent_transactions");
    expect(world.end(0, false)).toBe("concurrent_transactions");
    expect(world.add(0)).toBe("concurrent_transactions");
    expect(world.init({ producerId: 99n, producerEpoch: 1 })).toBe("concurrent_transactions");
    world.mark();
    expect(world.end(1, false)).toBe("7/2");
  });

  test("version 1 knows its producer first", () => {
    const world = begun();
    expect(world.add(0, 0)).toBe("done");
    expect(world.end(0, true, 0)).toBe("7/0");
    expect(world.end(0, false, 0)).toBe("concurrent_transactions");
    expect(world.end(1, true, 0)).toBe("producer_fenced");
    expect(world.end(0, true, 0, 99n)).toBe("invalid_producer_id_mapping");
  });
});

describe("version 1", () => {
  test("the epoch stays, and a retry is known by the state", () => {
    const world = begun();
    expect(world.add(0, 0)).toBe("done");
    expect(world.end(0, true, 0)).toBe("7/0");
    expect(world.end(0, true, 0)).toBe("concurrent_transactions");
    world.mark();
    expect(world.end(0, true, 0)).toBe("7/0");
    expect(world.end(0, false, 0)).toBe("invalid_txn_state");
    expect(world.add(0, 0)).toBe("done");
    expect(world.end(0, false, 0)).toBe("7/0");
    world.mark();
    expect(world.state?.status).toBe("CompleteAbort");
  });

  test("nothing can be ended before it began", () => {
    const world = begun();
    expect(world.end(0, true, 0)).toBe("invalid_txn_state");
    expect(world.end(0, false, 0)).toBe("invalid_txn_state");
  });
});

describe("InitProducerId", () => {
  test("a new producer fences the one before and aborts what it left open", () => {
    const world = begun();
    expect(world.add(0)).toBe("done");
    expect(world.init()).toBe("concurrent_transactions");
    expect(world.state).toMatchObject({ status: "PrepareAbort", producerEpoch: 1 });
    expect(world.init()).toBe("concurrent_transactions");
    expect(world.add(0)).toBe("concurrent_transactions");
    world.mark();
    expect(world.init()).toBe("7/2");
    expect(world.add(0)).toBe("producer_fenced");
    expect(world.end(0, true)).toBe("producer_fenced");
    expect(world.init({ producerId: ID, producerEpoch: 0 })).toBe("producer_fenced");
  });

  test("a producer goes on from its own identity, once (KIP-360)", () => {
    const world = begun();
    const before = { producerId: ID, producerEpoch: 0 };
    expect(world.init(before)).toBe("7/1");
    expect(world.init(before)).toBe("7/1");
    expect(world.init({ producerId: ID, producerEpoch: 1 })).toBe("7/2");
    expect(world.init(before)).toBe("producer_fenced");
    expect(world.init({ producerId: 99n, producerEpoch: 2 })).toBe("producer_fenced");
  });

  test("used up epochs give a new id; a lost answer gives the same again; a zombie gets neither", () => {
    const world = begun();
    world.age(32_766);
    const before = { producerId: ID, producerEpoch: 32_766 };
    expect(world.init(before)).toBe("8/0");
    expect(world.init(before)).toBe("8/0");
    expect(world.init()).toBe("8/1");
    expect(world.init(before)).toBe("producer_fenced");
  });

  test("an epoch that can no longer be fenced is given to nobody", () => {
    const world = begun();
    world.age(32_766);
    expect(world.add(32_766)).toBe("done");
    expect(world.init()).toBe("concurrent_transactions");
    expect(world.state?.producerEpoch).toBe(32_767);
    world.mark();
    expect(world.init({ producerId: ID, producerEpoch: 32_766 })).toBe("8/0");
  });
});

test("a transaction past its time is aborted, and its producer is told so", () => {
  const world = begun();
  expect(world.add(0)).toBe("done");
  const deadline = deadlineOf(world.state as Transaction, 1);
  expect(deadline).toBe(1_002 + TIMEOUT_MS);
  world.input({ type: "expire", idleMs: 1_000_000 });
  expect(world.state?.status).toBe("Ongoing");
  world.nowMs = Number(deadline);
  world.input({ type: "expire", idleMs: 1_000_000 });
  expect(world.state).toMatchObject({ status: "PrepareAbort", producerEpoch: 1 });
  expect(deadlineOf(world.state as Transaction, 1)).toBeNull();
  world.mark();
  expect(world.end(0, true, 0)).toBe("producer_fenced");
  expect(world.end(0, true)).toBe("invalid_txn_state");
  expect(world.init({ producerId: ID, producerEpoch: 0 })).toBe("7/1");
});

test("an idle id is forgotten, and its producer begins anew", () => {
  const world = begun();
  world.nowMs = Number(world.state?.updatedMs) + 999;
  world.input({ type: "expire", idleMs: 1_000 });
  expect(world.state).not.toBeNull();
  world.input({ type: "expire", idleMs: 1_000 });
  expect(world.state).toBeNull();
  expect(world.add(0)).toBe("invalid_producer_id_mapping");
  expect(world.init({ producerId: ID, producerEpoch: 0 })).toBe("8/0");
});

test("records are taken only for partitions that were added", () => {
  const world = begun();
  expect(world.verify(0)).toBe("transaction_abortable");
  expect(world.add(0)).toBe("done");
  expect(world.verify(0)).toBe("done");
  expect(world.verify(0, 1)).toBe("transaction_abortable");
  expect(world.verify(1)).toBe("producer_fenced");
  expect(world.end(0, true)).toBe("7/1");
  expect(world.verify(1)).toBe("concurrent_transactions");
  world.mark();
  expect(world.verify(1)).toBe("transaction_abortable");
});

test("markers of another end change nothing", () => {
  const world = begun();
  expect(world.add(0)).toBe("done");
  world.mark();
  expect(world.state?.status).toBe("Ongoing");
  expect(world.end(0, true)).toBe("7/1");
  world.input({ type: "marked", producer: { producerId: ID, producerEpoch: 0 } });
  expect(world.state?.status).toBe("PrepareCommit");
});
