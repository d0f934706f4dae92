/**
 * A partition where storage is slow, full or uncertain: nothing waits without end, is written twice or passes its bounds.
 */
import { describe, expect, test } from "bun:test";
import type {
  AppendAnswer,
  AppendRequest,
  Idempotence,
  ReadOptions,
} from "../../../src/broker/verbs.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { Refusal } from "../../../src/lib/refusal.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { type Change, type Storage, StorageFault } from "../../../src/storage/storage.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";
import { end, inTransaction, send } from "./transaction-world.ts";

const records = (value: string, idempotence?: Idempotence): AppendRequest => ({
  topic: "t",
  partition: 0,
  acks: -1,
  payload: {
    type: "records",
    records: [
      { key: null, value: new TextEncoder().encode(value), headers: [], timestampMs: null },
    ],
  },
  ...(idempotence ? { idempotence } : {}),
});
const patient: ReadOptions = {
  bytesMin: 100_000,
  bytesMax: 1_000,
  waitMs: 50,
  isolation: "read_committed",
};

async function withTopic(
  configs: Record<string, string> = {},
  given: Parameters<typeof openTestNode>[0] = {},
): Promise<TestNode> {
  const node = await openTestNode(given);
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await created;
  return node;
}

/** What became of a promise so far. */
function watched(promise: Promise<unknown>): { state: string } {
  const seen = { state: "pending" };
  promise.then(
    () => (seen.state = "answered"),
    (error: unknown) => (seen.state = String(error)),
  );
  return seen;
}

describe("a read that asks for more than it takes", () => {
  test("ends at its deadline, however busy the log is", async () => {
    let pause = (): Promise<void> => Promise.resolve();
    const node = await withTopic(
      {},
      {
        wrap: (storage): Storage => ({
          ...delegating(storage),
          read: async (...args) => {
            await pause();
            return storage.read(...args);
          },
        }),
      },
    );
    await append(node, records("first"));
    const log = [...node.logs.all()][0];
    if (!log) throw new Error("there is a log");
    pause = () => new Promise((resolve) => node.clock.after(10, resolve));
    node.node.cache.clear(log.tail);
    await append(node, records("second"));
    const request = { topic: "t", partition: 0, from: 0, bytesMax: 1_000 };
    const options = { ...patient, bytesMax: 1_000_000 };
    const reading = watched(node.broker.read(somebody, [request], options));
    for (let ms = 0; ms < 200 && reading.state === "pending"; ms += 5) {
      void node.broker.append(somebody, records("more"));
      await node.clock.advance(5);
    }
    expect(reading.state).toBe("answered");
  });

  test("is answered at once when its own limit is reached", async () => {
    const node = await withTopic();
    for (let count = 0; count < 20; count += 1) await append(node, records("x".repeat(100)));
    const request = { topic: "t", partition: 0, from: 0, bytesMax: 1_000_000 };
    const reading = watched(node.broker.read(somebody, [request], patient));
    await node.clock.settle();
    expect(reading.state).toBe("answered");
  });
});

describe("a batch that the topic recodes", () => {
  test("is held to the topic's size again", async () => {
    const node = await withTopic({ "compression.type": "uncompressed" });
    const value = new Uint8Array(8 * 1024 * 1024);
    const timestampMs = node.clock.nowMs();
    const bytes = encodeBatch([{ key: null, value, headers: [], timestampMs }], { codec: "zstd" });
    expect(bytes.byteLength).toBeLessThan(100_000);
    const request = { ...records(""), payload: { type: "batch" as const, bytes } };
    const refused = await append(node, request).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "message_too_large" });
  });
});

test("a commit of one request says that it is alone where no other partition is about to write", async () => {
  const alone: (boolean | undefined)[] = [];
  const wrap = (inner: Storage): Storage => ({
    ...delegating(inner),
    commit: (change) => {
      if (change.entries.some(({ type }) => type === "append")) alone.push(change.alone);
      return inner.commit(change);
    },
  });
  const node = await openTestNode({ wrap });
  const topic = { name: "t", partitions: 2, replicationFactor: 1, configs: {} };
  const created = node.broker.createTopic(somebody, topic);
  await node.clock.settle();
  await created;
  alone.length = 0;
  await append(node, records("a"));
  expect(alone).toEqual([true]);
  const both = [0, 1].map((partition) =>
    node.broker.append(somebody, { ...records("b"), partition }),
  );
  await node.clock.settle();
  await Promise.all(both);
  expect(alone).toEqual([true, false, false]);
  const two = ["c", "d"].map((value) => node.broker.append(somebody, records(value)));
  await node.clock.settle();
  await Promise.all(two);
  expect(alone).toEqual([true, false, false, false]);
});

describe("a commit of unknown outcome", () => {
  test("that was applied is not repeated by a retry that came before that was known", async () => {
    const first = await withTopic();
    await append(first, records("before"));
    const { disk, metadata } = first;
    disk.crash();
    let release = (): void => {};
    let readable = true;
    const storage = (inner: Storage): Storage => ({
      ...delegating(inner),
      commit: async (change) => {
        const [entry] = change.entries;
        if (!readable) throw unknown();
        if (entry?.type !== "append" || entry.base !== 1) return inner.commit(change);
        await new Promise<void>((resolve) => (release = resolve));
        await inner.commit(change);
        readable = false;
        throw unknown();
      },
    });
    const node = await openTestNode({ disk, metadata, wrap: storage });
    const key: Idempotence = { type: "key", key: "k" };
    const attempt = watched(node.broker.append(somebody, records("v", key)));
    await node.clock.settle();
    const retry = node.broker.append(somebody, records("v", key));
    const seen = watched(retry);
    await node.clock.settle();
    release();
    while (attempt.state === "pending") await Promise.resolve();
    readable = true;
    await node.clock.settle();
    expect(seen.state).toBe("answered");
    expect(await retry).toMatchObject({ baseOffset: 1, duplicate: true });
  });

  test("that was a transaction's first batch has used up the coordinator's word: the next one follows", async () => {
    const lost = losing((change) => change.entries.some(({ type }) => type === "append"));
    const node = await withTopic({}, { wrap: lost.wrap, verifier });
    const first = node.broker.append(somebody, inTransaction({ sequence: 0 }));
    expect(await outcome(node, first)).toBe("unknown");
    lost.over();
    expect(await send(node, inTransaction({ sequence: 0 }))).toEqual(["0+"]);
    expect(await send(node, inTransaction({ sequence: 1 }))).toEqual(["1"]);
  });

  test("that was a marker has used up the coordinator's word: a batch that comes late begins no transaction", async () => {
    let pass = (): void => {};
    const waits = new Promise<void>((resolve) => (pass = resolve));
    const lost = losing((change) => change.entries.some(({ type }) => type === "append"));
    const asked: string[] = [];
    const verify = ({ producerEpoch }: { readonly producerEpoch: number }): Promise<void> => {
      asked.push(`epoch ${producerEpoch}`);
      return asked.length === 1 ? waits : Promise.reject(new Refusal("producer_fenced", "gone"));
    };
    const node = await withTopic({}, { wrap: lost.wrap, verifier: { verify } });
    const late = watched(node.broker.append(somebody, inTransaction({ sequence: 0, epoch: 1 })));
    await node.clock.settle();
    await end(node, { commit: false }).catch(() => {});
    lost.over();
    // Whoever appends next meets the marker.
    expect(await append(node, records("other"))).toMatchObject({ baseOffset: 1 });
    pass();
    await node.clock.settle();
    expect(late.state).toContain("gone");
    expect(asked).toEqual(["epoch 1", "epoch 1"]);
  });
});

const verifier = { verify: () => Promise.resolve() };

/** A disk that applies the first change of a kind, and answers nothing more until it is over. */
function losing(isMeant: (change: Change) => boolean) {
  let state: "whole" | "lost" | "over" = "whole";
  const wrap = (inner: Storage): Storage => ({
    ...delegating(inner),
    commit: async (change) => {
      if (state === "lost") throw unknown();
      await inner.commit(change);
      if (state === "over" || !isMeant(change)) return;
      state = "lost";
      throw unknown();
    },
  });
  return { wrap, over: () => (state = "over") };
}

async function outcome(node: TestNode, work: Promise<unknown>): Promise<string> {
  const told = work.then(
    () => "done",
    (error: unknown) => (error instanceof StorageFault ? error.outcome : String(error)),
  );
  await node.clock.settle();
  return told;
}

describe("a leader whose epoch rose", () => {
  const ofEpoch = (log: Partition, leaderEpoch: number) => {
    const [index, partitionEpoch, leader] = [0, 1, 1];
    const partition = { index, partitionEpoch, leader, replicas: [1], inSyncReplicas: [1] };
    return { name: "t", id: log.topicId, partitions: [{ ...partition, leaderEpoch }] };
  };

  test("tells where the one before ended", async () => {
    const node = await withTopic();
    await append(node, records("a"));
    const [log] = node.logs.all();
    if (!log) throw new Error("there is a log");
    for (const epoch of [3, 5]) {
      log.refresh(ofEpoch(log, epoch));
      await append(node, records("b"));
    }
    expect([0, 1, 2].map((offset) => log.epochAt(offset))).toEqual([0, 3, 5]);
    expect(log.endOfEpoch(0)).toEqual({ epoch: 0, endOffset: 1 });
    expect(log.endOfEpoch(4)).toEqual({ epoch: 3, endOffset: 2 });
    expect(log.endOfEpoch(5)).toEqual({ epoch: 5, endOffset: 3 });
  });

  test("moves the log start and goes on writing", async () => {
    const node = await withTopic();
    await append(node, records("a"));
    await append(node, records("b"));
    const log = [...node.logs.all()][0];
    if (!log) throw new Error("there is a log");
    log.refresh(ofEpoch(log, 3));
    const trimmed = log.trim(1);
    await node.clock.settle();
    expect(await trimmed).toBe(1);
    expect(await append(node, records("c"))).toMatchObject({ baseOffset: 2, logStart: 1 });
    expect(log.epoch).toBe(3);
  });
});

describe("a storage that has no room for new logs", () => {
  test("still drops those of removed topics", async () => {
    let full = false;
    const node = await withTopic(
      {},
      {
        wrap: (storage): Storage => ({
          ...delegating(storage),
          create: (keys) =>
            full ? Promise.reject(new StorageFault("full", "full")) : storage.create(keys),
        }),
      },
    );
    full = true;
    const other = { name: "u", partitions: 1, replicationFactor: 1, configs: {} };
    void node.broker.createTopic(somebody, other);
    await node.clock.settle();
    void node.broker.deleteTopic(somebody, "t");
    await node.clock.advance(5_000);
    expect(await node.storage.partitions()).toEqual([]);
    full = false;
    await node.clock.advance(5_000);
    expect(await node.storage.partitions()).toHaveLength(1);
  });
});

async function append(node: TestNode, request: AppendRequest): Promise<AppendAnswer> {
  const answer = node.broker.append(somebody, request);
  answer.catch(() => {});
  await node.clock.settle();
  return answer;
}

function unknown(): StorageFault {
  return new StorageFault("io", "nobody knows", { outcome: "unknown" });
}

/** The same storage, to be changed in part. */
function delegating(storage: Storage): Storage {
  return {
    powerLost: storage.powerLost,
    resumed: () => storage.resumed(),
    partitions: () => storage.partitions(),
    producers: () => storage.producers(),
    create: (keys) => storage.create(keys),
    drop: (partitions) => storage.drop(partitions),
    commit: (change) => storage.commit(change),
    bounds: (partition) => storage.bounds(partition),
    read: (...args) => storage.read(...args),
    seek: (...args) => storage.seek(...args),
    locate: (...args) => storage.locate(...args),
    receipt: (...args) => storage.receipt(...args),
    aborted: (...args) => storage.aborted(...args),
    forgetReceipts: (nowMs) => storage.forgetReceipts(nowMs),
    backup: (path) => storage.backup(path),
    stats: () => storage.stats(),
    close: () => storage.close(),
  };
}
