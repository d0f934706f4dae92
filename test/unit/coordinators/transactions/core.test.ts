/** What the driver is told to do after each step: records, the timer, the markers. */
import { expect, test } from "bun:test";
import { transactionCore } from "../../../../src/coordinators/transactions/core.ts";
import type { Transaction } from "../../../../src/coordinators/transactions/state.ts";

const core = transactionCore(1_000);
const init = {
  type: "init",
  transactionalId: "id",
  timeoutMs: 50,
  expected: null,
  freshProducerId: 1n,
} as const;
const producer = { producerId: 1n, producerEpoch: 0 };

function stepped(
  state: Transaction | null,
  input: Parameters<typeof core.step>[1]["input"],
  nowMs = 0,
) {
  return core.step(state, { input, ticket: null }, { nowMs }, "id");
}

test("a transaction's timer runs from its first partition, and its end asks for markers", () => {
  const begun = stepped(null, init);
  expect(begun.timers).toMatchObject([{ afterMs: 1_000 }]);
  const partitions = [{ topic: "t", partitions: [0] }];
  const add = { type: "add-partitions", producer, partitions, clientVersion: 2 } as const;
  const added = stepped(begun.next, add, 10);
  expect(added.timers).toMatchObject([{ afterMs: 50 }]);
  expect(added.effects).toEqual([]);
  const again = stepped(added.next, add, 20);
  expect(again).toMatchObject({ next: added.next, records: [], timers: [] });
  const expired = stepped(added.next, { type: "expire", idleMs: 1_000 }, 60);
  expect(expired.next).toMatchObject({ status: "PrepareAbort" });
  expect(expired.timers).toMatchObject([{ afterMs: null }]);
  expect(expired.effects).toMatchObject([{ type: "write-markers" }]);
});

test("a coordinator that was loaded takes up the timer, or the markers", () => {
  const { next } = stepped(null, init);
  const loaded = core.step(next, core.loaded, { nowMs: 400 }, "id");
  expect(loaded).toMatchObject({ next, records: [], timers: [{ afterMs: 600 }], effects: [] });
  const ended = stepped(next, {
    type: "end",
    producer,
    commit: false,
    clientVersion: 2,
    freshProducerId: null,
  });
  const prepared = core.step(ended.next, core.loaded, { nowMs: 400 }, "id");
  expect(prepared.effects).toMatchObject([{ type: "write-markers" }]);
});

test("a timer that fires early is set again; one that is due leaves a tombstone", () => {
  const { next } = stepped(null, init);
  const early = stepped(next, { type: "expire", idleMs: 1_000 }, 900);
  expect(early).toMatchObject({ next, records: [], timers: [{ afterMs: 100 }] });
  const due = stepped(next, { type: "expire", idleMs: 1_000 }, 1_000);
  expect(due).toMatchObject({ next: null, records: [{ value: null }] });
});

test("the records of every step, replayed, give its state", () => {
  let state: Transaction | null = null;
  let replayed: Transaction | null = null;
  const partitions = [{ topic: "t", partitions: [0, 3] }];
  const inputs = [
    init,
    { type: "add-partitions", producer, partitions, clientVersion: 2 },
    { type: "end", producer, commit: true, clientVersion: 2, freshProducerId: null },
    { type: "marked", producer: { ...producer, producerEpoch: 1 } },
  ] as const;
  for (const [nowMs, input] of inputs.entries()) {
    const { next, records } = stepped(state, input, nowMs);
    state = next;
    for (const record of records) {
      expect(core.keyOf(record)).toBe("id");
      const met = { ...record, offset: nowMs, timestampMs: nowMs, transaction: null };
      replayed = core.replay(replayed, met);
    }
    // Which epoch came before is not kept, as in Kafka.
    expect(replayed).toEqual(state && { ...state, lastProducerEpoch: -1 });
  }
  expect(state).toMatchObject({ status: "CompleteCommit", producerEpoch: 1 });
});
