/**
 * What every Kafka door owes transactional producers, frame by frame: run against Apache Kafka first, then against kedge, the
 * first with `transaction.abort.timed.out.transaction.cleanup.interval.ms=100`. What only one of the two does is not asserted:
 * whether an end that is asked for again is still under way, and which offsets markers take.
 */
import { describe, expect, test } from "bun:test";
import { listOffsets } from "../../src/kafka/apis/02-list-offsets.ts";
import { initProducerId } from "../../src/kafka/apis/22-init-producer-id.ts";
import { listTransactions } from "../../src/kafka/apis/66-list-transactions.ts";
import { freshGroup } from "./kafka-members.ts";
import { batchOf, newTopic, produceTo, valuesOf } from "./kafka-records.ts";
import { connectionTo, type Here, type OpenDoor } from "./kafka-suite.ts";
import { freshId, type Identity, patient, TransactionalClient } from "./kafka-transactional.ts";

const COMMITTED = 1;
const UNCOMMITTED = 0;

export function kafkaTransactionsSuite(name: string, open: OpenDoor): void {
  describe(`${name}: transactions`, () => {
    const here = connectionTo(open, untilLoaded);
    identityTests(here);
    version2Tests(here);
    version1Tests(here);
    recordTests(here);
    offsetTests(here);
    lookTests(here);
  });
}

/** Until every shard of the coordinators is loaded. */
async function untilLoaded(here: Here): Promise<void> {
  const client = new TransactionalClient(here());
  await client.begin();
  await client.locateGroup(freshGroup());
  const { name } = await newTopic(here());
  for (let shard = 0; shard < 100; shard += 1) {
    await new TransactionalClient(here()).begin();
    await client.committed(freshGroup(), name, false);
  }
}

function next({ producerId, producerEpoch }: Identity, by = 1): Identity {
  return { producerId, producerEpoch: producerEpoch + by };
}

function identityTests(here: Here): void {
  test("a producer without a transactional id gets an id of its own", async () => {
    const taken = new Set<bigint>();
    for (const version of [0, 1, 2, 3, 4, 5]) {
      const asked = { transactionalId: null, transactionTimeoutMs: 1_000 };
      const answer = await patient(() => here().send(initProducerId, version, asked));
      expect(answer).toMatchObject({ errorCode: 0, producerEpoch: 0 });
      taken.add(answer.producerId);
    }
    expect(taken.size).toBe(6);
  });

  test("what cannot be asked for is refused", async () => {
    const client = new TransactionalClient(here());
    await client.locate();
    for (const timeoutMs of [0, -1, 900_001]) {
      expect((await client.init({}, 5, timeoutMs)).errorCode).toBe(50);
    }
    expect((await new TransactionalClient(here(), "").init()).errorCode).toBe(42);
    const half = { producerId: 5n, producerEpoch: -1 };
    expect((await client.init(half)).errorCode).toBe(42);
    expect((await client.end({ producerId: 1n, producerEpoch: 0 }, true)).errorCode).toBe(49);
  });

  test("a new producer fences the one before, and ends what it left open", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const old = await client.begin();
    expect(await client.produce(old, topic, "left open")).toBe(0);
    expect((await client.init()).errorCode).toBe(51);
    const young = await client.begin();
    expect(young).toEqual(next(old, 2));
    expect(await client.produce(old, topic, "late", { sequence: 1 })).toBe(-47);
    expect((await client.end(old, true)).errorCode).toBe(90);
    expect((await client.end(old, true, 1)).errorCode).toBe(47);
    expect(await client.add(old, topic.name, [0])).toEqual([90]);
    expect(await client.add(old, topic.name, [0], 1)).toEqual([47]);
    expect((await client.init(old)).errorCode).toBe(90);
    expect((await client.init(old, 3)).errorCode).toBe(47);
    const { records, abortedTransactions } = await client.read(topic, 0, COMMITTED);
    expect(valuesOf(records)[0]).toBe("left open");
    expect(abortedTransactions).toMatchObject([{ producerId: old.producerId, firstOffset: 0 }]);
  });

  test("a producer goes on from its own identity, and may ask twice", async () => {
    const client = new TransactionalClient(here());
    const first = await client.begin();
    expect(await client.init(first)).toMatchObject(next(first));
    expect(await client.init(first)).toMatchObject(next(first));
    expect(await client.init(next(first))).toMatchObject(next(first, 2));
    expect((await client.init(first)).errorCode).toBe(90);
  });

  test("a transaction that takes too long is aborted, and its producer fenced", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin(300);
    expect(await client.produce(producer, topic, "slow")).toBe(0);
    await client.reach("CompleteAbort");
    expect((await client.end(producer, true, 2)).errorCode).toBe(90);
    expect((await client.end(producer, true, 1)).errorCode).toBe(47);
    expect((await client.end(producer, true)).errorCode).toBe(48);
    expect(await client.produce(producer, topic, "late", { sequence: 1 })).toBe(-47);
    expect(await client.init(producer)).toMatchObject(next(producer));
  });
}

function version2Tests(here: Here): void {
  test("each end raises the epoch; a retry of it is answered again", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    let producer = await client.begin();
    expect((await client.end(producer, true)).errorCode).toBe(48);
    for (const committed of [true, false, true]) {
      expect(await client.produce(producer, topic, "one")).toBeGreaterThanOrEqual(0);
      expect(await client.end(producer, committed)).toMatchObject(next(producer));
      const again = await patient(() => client.end(producer, committed));
      expect(again).toMatchObject({ errorCode: 0, ...next(producer) });
      expect((await client.end(producer, !committed)).errorCode).toBe(48);
      producer = next(producer);
    }
    expect((await client.end(producer, true)).errorCode).toBe(48);
    expect(await client.end(producer, false)).toMatchObject(next(producer));
  });

  test("the first batch of a partition adds it, also right after an end", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    let producer = await client.begin();
    for (let round = 0; round < 5; round += 1) {
      expect(await client.produce(producer, topic, `${round}`)).toBe(round * 2);
      expect((await client.state()).topics).toEqual([topic.name]);
      expect((await client.end(producer, true)).errorCode).toBe(0);
      producer = next(producer);
    }
  });

  test("a batch of the transaction before comes too late", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    await client.produce(producer, topic, "in time");
    await client.end(producer, true);
    await client.reach("CompleteCommit");
    expect(await client.produce(producer, topic, "late", { sequence: 1 })).toBe(-47);
    expect(await client.produce(next(producer), topic, "gap", { sequence: 5 })).toBe(-45);
  });
}

function version1Tests(here: Here): void {
  test("partitions are added first, all or none", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    expect(await client.add(producer, topic.name, [0, 77])).toEqual([55, 3]);
    expect(await client.add(producer, "__consumer_offsets", [0])).toEqual([29]);
    expect((await client.state()).state).toBe("Empty");
    expect(await client.add(next(producer, 0), topic.name, [0])).toEqual([0]);
    expect(await client.add({ ...producer, producerId: 987_654n }, topic.name, [0])).toEqual([49]);
    expect((await client.state()).state).toBe("Ongoing");
  });

  test("a batch to a partition that was not added is refused as its version knows", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    for (const [version, code] of [
      [7, 48],
      [9, 48],
      [10, 48],
      [11, 120],
    ] as const) {
      expect(await client.produce(producer, topic, "no", { version })).toBe(-code);
    }
    expect(await client.produce(producer, topic, "no", { transactionalId: null })).toBe(-53);
    const other = { transactionalId: freshId() };
    expect([-49, -16]).toContain(await client.produce(producer, topic, "no", other));
  });

  test("the epoch stays; a retry is known by the state", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    expect((await client.end(producer, true, 4)).errorCode).toBe(48);
    for (let round = 0; round < 3; round += 1) {
      while ((await client.add(producer, topic.name, [0]))[0] === 51) await Bun.sleep(10);
      const sent = { sequence: round, version: 9 };
      expect(await client.produce(producer, topic, `${round}`, sent)).toBe(round * 2);
      const committed = round !== 1;
      expect((await client.end(producer, committed, 3)).errorCode).toBe(0);
      const again = await patient(() => client.end(producer, committed, 3));
      expect(again.errorCode).toBe(0);
      expect((await client.end(producer, !committed, 3)).errorCode).toBe(48);
    }
    const { abortedTransactions } = await client.read(topic, 0, COMMITTED);
    expect(abortedTransactions).toEqual([{ producerId: producer.producerId, firstOffset: 2 }]);
  });

  test("the batched form adds, or only looks", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    expect(await client.addBatched(producer, topic.name, true)).toEqual([120]);
    expect(await client.addBatched(producer, topic.name, false)).toEqual([0]);
    expect(await client.addBatched(producer, topic.name, true)).toEqual([0]);
    expect(await client.produce(producer, topic, "added", { version: 9 })).toBe(0);
    expect((await client.end(producer, true, 4)).errorCode).toBe(0);
  });
}

function recordTests(here: Here): void {
  test("nobody who reads committed records sees a transaction before its end", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    expect(await client.produce(producer, topic, "open")).toBe(0);
    const committed = await client.read(topic, 0, COMMITTED);
    expect(committed).toMatchObject({ lastStableOffset: 0, highWatermark: 1 });
    expect(valuesOf(committed.records)).toEqual([]);
    const all = await client.read(topic, 0, UNCOMMITTED);
    expect(valuesOf(all.records)).toEqual(["open"]);
    expect(all.abortedTransactions ?? []).toEqual([]);
    await client.end(producer, true);
    await client.reach("CompleteCommit");
    const after = await client.read(topic, 0, COMMITTED);
    expect(after).toMatchObject({ lastStableOffset: 2, abortedTransactions: [] });
    expect(valuesOf(after.records)[0]).toBe("open");
  });

  test("nobody who reads committed records is sent past the last stable offset by a time", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const before = Date.now() - 10_000;
    await produceTo(here(), topic, batchOf(["stable"], { timestampMs: before }));
    const producer = await client.begin();
    await client.produce(producer, topic, "open");
    const later = Date.now() + 10_000;
    await produceTo(here(), topic, batchOf(["behind"], { timestampMs: later }));
    const places = async (isolationLevel: 0 | 1) => {
      const found: number[] = [];
      for (const timestamp of [before, before + 1, later, later + 1, -1, -3]) {
        const asked = { partitionIndex: 0, timestamp };
        const topics = [{ name: topic.name, partitions: [asked] }];
        const answer = await here().send(listOffsets, 9, {
          replicaId: -1,
          isolationLevel,
          topics,
          timeoutMs: 0,
        });
        found.push(answer.topics[0]?.partitions[0]?.offset ?? NaN);
      }
      return found;
    };
    expect(await places(UNCOMMITTED)).toEqual([0, 1, 2, -1, 3, 2]);
    expect(await places(COMMITTED)).toEqual([0, -1, -1, -1, 1, -1]);
    await client.end(producer, false);
    await client.reach("CompleteAbort");
    expect((await places(COMMITTED)).slice(0, 4)).toEqual([0, 1, 2, -1]);
  });
}

function offsetTests(here: Here): void {
  test.each([
    [1, "version 1"],
    [5, "version 2"],
  ])("a group's offsets count with the transaction (TxnOffsetCommit v%i)", async (version) => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const group = freshGroup();
    await client.locateGroup(group);
    let producer = await client.begin();
    for (const [offset, committed, said] of [
      [7, true, 7],
      [9, false, 7],
      [11, true, 11],
    ] as const) {
      if (version < 5) {
        let code = 51;
        while (code === 51) code = await client.addOffsets(producer, group);
        expect(code).toBe(0);
      }
      expect(await client.commitOffset(producer, group, topic.name, offset, version)).toBe(0);
      expect((await client.committed(group, topic.name, true)).code).toBe(88);
      expect((await client.committed(group, topic.name, false)).offset).not.toBe(offset);
      const end = await client.end(producer, committed, version < 5 ? 3 : 5);
      expect(end.errorCode).toBe(0);
      if (version >= 5) producer = next(producer);
      await client.reach(committed ? "CompleteCommit" : "CompleteAbort");
      expect(await client.committed(group, topic.name, true)).toEqual({ offset: said, code: 0 });
    }
  });

  test("offsets outside of a transaction, or of a producer that was fenced, are refused", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const group = freshGroup();
    await client.locateGroup(group);
    const producer = await client.begin();
    expect(await client.commitOffset(producer, "", topic.name, 1)).toBe(24);
    expect(await client.commitOffset(producer, group, topic.name, 1, 3)).toBe(48);
    expect(await client.commitOffset(producer, group, topic.name, 1, 4)).toBe(120);
    expect(await client.commitOffset(producer, group, topic.name, 1)).toBe(0);
    expect((await client.end(producer, true)).errorCode).toBe(0);
    await client.reach("CompleteCommit");
    expect(await client.commitOffset(producer, group, topic.name, 2)).toBe(47);
    expect(await client.addOffsets(producer, group, 1)).toBe(47);
    expect(await client.addOffsets(producer, group, 2)).toBe(90);
  });
}

function lookTests(here: Here): void {
  test("transactions are listed and described", async () => {
    const client = new TransactionalClient(here());
    const topic = await newTopic(here());
    const producer = await client.begin();
    await client.produce(producer, topic, "listed");
    const all = { stateFilters: [], producerIdFilters: [] };
    const mine = async (version: number, asked: object): Promise<string[]> => {
      const answer = await here().send(listTransactions, version, { ...all, ...asked });
      expect(answer.errorCode).toBe(0);
      return answer.transactionStates
        .filter(({ transactionalId }) => transactionalId === client.id)
        .map(({ transactionState }) => transactionState);
    };
    expect(await mine(0, {})).toEqual(["Ongoing"]);
    expect(await mine(0, { stateFilters: ["Ongoing", "Empty"] })).toEqual(["Ongoing"]);
    expect(await mine(0, { stateFilters: ["Empty"] })).toEqual([]);
    expect(await mine(0, { producerIdFilters: [producer.producerId] })).toEqual(["Ongoing"]);
    expect(await mine(1, { durationFilter: 100_000_000 })).toEqual([]);
    expect(await mine(2, { transactionalIdPattern: `${client.id}.*` })).toEqual(["Ongoing"]);
    expect(await mine(2, { transactionalIdPattern: client.id.slice(0, 4) })).toEqual([]);
    const odd = { ...all, stateFilters: ["Odd"] };
    const { unknownStateFilters } = await here().send(listTransactions, 0, odd);
    expect(unknownStateFilters).toEqual(["Odd"]);
    const invalid = { ...all, transactionalIdPattern: "(" };
    expect((await here().send(listTransactions, 2, invalid)).errorCode).toBe(128);
    expect(await client.state()).toMatchObject({
      state: "Ongoing",
      epoch: producer.producerEpoch,
      topics: [topic.name],
    });
    expect((await new TransactionalClient(here()).state()).code).toBe(105);
    expect((await new TransactionalClient(here(), "").state()).code).toBe(42);
    expect(await client.producers(topic.name)).toMatchObject([
      { ...producer, lastSequence: 0, currentTxnStartOffset: 0 },
    ]);
    await client.end(producer, true);
    await client.reach("CompleteCommit");
    expect(await client.producers(topic.name)).toMatchObject([
      { producerId: producer.producerId, currentTxnStartOffset: -1 },
    ]);
  });
}
