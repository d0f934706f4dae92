/**
 * One-shot transactions that a killed process left open: the next one ends them at its start, and only them.
 */
import { expect, test } from "bun:test";
import type { TransactAnswer } from "../../../../src/broker/transactions/transact.ts";
import type { Change, Storage } from "../../../../src/storage/storage.ts";
import { committedOf } from "../../../simulation/committed-reads.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";
import type { VirtualClock } from "../../../simulation/virtual-clock.ts";

const encoder = new TextEncoder();
const COMMIT_MS = 5;
/** More than one look at each id, and far from the time-out of a transaction. */
const SOON_MS = 2_000;

/** A disk whose every commit takes a while, so that a kill comes in between. */
function slowly(clock: () => VirtualClock): (storage: Storage) => Storage {
  return (storage) =>
    new Proxy(storage, {
      get(target, name) {
        if (name === "commit") {
          return async (change: Change) => {
            await new Promise<void>((resolve) => clock().after(COMMIT_MS, resolve));
            return target.commit(change);
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.advance(SOON_MS);
  return promise;
}

async function opened(): Promise<TestNode> {
  const node: TestNode = await openTestNode({ wrap: slowly(() => node.clock) });
  for (const name of ["a", "b"]) {
    const topic = { name, partitions: 1, replicationFactor: 1, configs: {} };
    await now(node, node.broker.createTopic(somebody, topic));
  }
  return node;
}

/** The process is killed, and started again as a node starts it. */
async function restarted(node: TestNode): Promise<TestNode> {
  node.transactions.close();
  node.groups.close();
  node.disk.crash();
  const { disk, metadata, clock } = node;
  const again = await openTestNode({ disk, metadata, clock });
  again.groups.start();
  again.transactions.loadAll();
  return again;
}

function transact(node: TestNode, value: string): Promise<TransactAnswer> {
  const records = [{ key: null, value: encoder.encode(value), headers: [], timestampMs: 1 }];
  const parts = ["a", "b"].map((topic) => ({ topic, partition: 0, records }));
  const answer = node.broker.transactions.transact(somebody, { parts, offsets: null, key: value });
  answer.catch(() => {}); // Nobody answers after a kill.
  return answer;
}

const ownId = (node: TestNode, number = 1) =>
  `__kedge-transact-${node.controller.nodeId}-${number}`;

const statusOf = (node: TestNode, id: string) => node.transactions.state(id)?.status;

function logOf(node: TestNode, topic: string) {
  const log = node.logs.log(node.controller.image.topic(topic)?.id ?? "", 0);
  if (!log) throw new Error("the topic has a log");
  return log;
}

/** Ends only when the state is there: a commit at a time. */
async function untilAll(node: TestNode, ids: readonly string[], status: string): Promise<void> {
  for (let waited = 0; !ids.every((id) => statusOf(node, id) === status); waited += 1) {
    if (waited > 1_000) throw new Error(`never ${status}`);
    await node.clock.advance(1);
  }
}

const values = async (node: TestNode, topic: string) =>
  (await now(node, committedOf(node.broker, topic, 0, 0))).map(([, value]) => value);

test("what was left open is aborted at the start, and its callers' retries go through", async () => {
  const node = await opened();
  const names = Array.from({ length: 16 }, (_, at) => `v${at}`);
  const ids = names.map((_, at) => ownId(node, at + 1));
  for (const name of names) void transact(node, name);
  await untilAll(node, ids, "Ongoing");
  while (logOf(node, "a").highWatermark === 0) await node.clock.advance(1);
  expect(ids.map((id) => statusOf(node, id))).toEqual(ids.map(() => "Ongoing"));
  const again = await restarted(node);
  await now(again, again.broker.transactions.abortLeftOpen());
  expect(ids.map((id) => statusOf(again, id))).toEqual(ids.map(() => "CompleteAbort"));
  for (const topic of ["a", "b"]) {
    expect(logOf(again, topic).lastStable).toBe(logOf(again, topic).highWatermark);
  }
  for (const name of names) {
    expect(await now(again, transact(again, name))).toMatchObject({ duplicate: false });
  }
  expect(await values(again, "a")).toEqual(names);
});

test("what was decided is completed, and a retry is told so", async () => {
  const node = await opened();
  void transact(node, "v");
  await untilAll(node, [ownId(node)], "PrepareCommit");
  const again = await restarted(node);
  await now(again, again.broker.transactions.abortLeftOpen());
  expect(statusOf(again, ownId(again))).toBe("CompleteCommit");
  expect(await now(again, transact(again, "v"))).toMatchObject({ duplicate: true });
  expect(await values(again, "b")).toEqual(["v"]);
});

test("others' transactions stay open: sessions, and ids of another node", async () => {
  const node = await opened();
  const { nodeId } = node.controller;
  const others = ["session", `__kedge-transact-${nodeId + 1}-1`, `__kedge-transact-${nodeId}-x`];
  const places = [{ topic: "a", partitions: [0] }];
  for (const id of others) {
    const init = { transactionalId: id, timeoutMs: 60_000, expected: null };
    const producer = await now(node, node.transactions.init(init));
    await now(node, node.transactions.addPartitions(id, producer, places, 2));
  }
  const again = await restarted(node);
  await now(again, again.broker.transactions.abortLeftOpen());
  expect(others.map((id) => statusOf(again, id))).toEqual(others.map(() => "Ongoing"));
});

test("a client cannot be the producer of such an id", async () => {
  const node = await opened();
  const { transactions } = node.broker;
  for (const id of [ownId(node), ownId(node, 33), "__kedge-transact-"]) {
    const refused = { code: "transactional_id_authorization_failed" };
    const begun = transactions.begin(somebody, id, 60_000).catch((error: unknown) => error);
    expect(await now(node, begun)).toMatchObject(refused);
    const init = { transactionalId: id, timeoutMs: 60_000, expected: null };
    const inited = transactions.initProducerId(somebody, init).catch((error: unknown) => error);
    expect(await now(node, inited)).toMatchObject(refused);
    expect(node.transactions.state(id)).toBeNull();
  }
  expect(await now(node, transact(node, "v"))).toMatchObject({ duplicate: false });
});

test("a call that comes while that goes on is not aborted", async () => {
  const node = await opened();
  void transact(node, "before");
  await untilAll(node, [ownId(node)], "Ongoing");
  const again = await restarted(node);
  const calls = ["x", "y", "z"].map((name) => transact(again, name));
  const ended = again.broker.transactions.abortLeftOpen();
  calls.push(transact(again, "before"));
  const answers = await now(again, Promise.all(calls));
  expect(answers.every(({ duplicate }) => !duplicate)).toBe(true);
  await ended;
  expect((await values(again, "a")).toSorted()).toEqual(["before", "x", "y", "z"]);
});
