/**
 * Transactions over a whole node without doors: what a restart, a deleted topic, time alone and a failing disk make of them.
 */
import { describe, expect, test } from "bun:test";
import type { ProducerIdentity } from "../../../../src/coordinators/transactions/state.ts";
import { Refusal } from "../../../../src/lib/refusal.ts";
import { committedOf } from "../../../simulation/committed-reads.ts";
import type { Change, Storage } from "../../../../src/storage/storage.ts";
import type { VirtualClock } from "../../../simulation/virtual-clock.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";
import { now, withTopics } from "./topics-world.ts";

const encoder = new TextEncoder();

/** The same disk under a new process. */
async function restarted(
  node: TestNode,
  wrap: (storage: Storage) => Storage = (storage) => storage,
): Promise<TestNode> {
  node.transactions.close();
  node.groups.close();
  node.disk.crash();
  const { disk, metadata, clock } = node;
  const again = await openTestNode({ disk, metadata, clock, wrap });
  again.transactions.loadAll();
  await clock.advance(1_000);
  return again;
}

/** A disk whose every commit takes a while. */
function slowly(clock: VirtualClock): (storage: Storage) => Storage {
  return (storage) =>
    new Proxy(storage, {
      get(target, name) {
        if (name === "commit") {
          return async (change: Change) => {
            await new Promise<void>((resolve) => clock.after(5, resolve));
            return target.commit(change);
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

const begin = (node: TestNode, timeoutMs = 60_000): Promise<ProducerIdentity> =>
  now(node, node.broker.transactions.begin(somebody, "id", timeoutMs));

function write(node: TestNode, producer: ProducerIdentity, topic: string, value: string) {
  const record = { key: null, value: encoder.encode(value), headers: [], timestampMs: 1 };
  return now(
    node,
    node.broker.append(somebody, {
      topic,
      partition: 0,
      acks: -1,
      payload: { type: "records", records: [record], transaction: producer },
      transactional: { transactionalId: "id", support: "joins" },
    }),
  );
}

const end = (node: TestNode, producer: ProducerIdentity, commit: boolean) =>
  now(node, node.broker.transactions.endSession(somebody, "id", producer, commit));

const values = async (node: TestNode, topic: string) =>
  (await now(node, committedOf(node.broker, topic, 0, 0))).map(([, value]) => value);

function logOf(node: TestNode, topic: string) {
  const log = node.logs.log(node.controller.image.topic(topic)?.id ?? "", 0);
  if (!log) throw new Error("the topic has a log");
  return log;
}

const code = (error: unknown) => (error instanceof Refusal ? error.code : String(error));

describe("a transaction", () => {
  test("that was decided goes on after a restart, whatever was written of its markers", async () => {
    const node = await withTopics("a", "b");
    const producer = await begin(node);
    await write(node, producer, "a", "1");
    await write(node, producer, "b", "2");
    const slow = await restarted(node, slowly(node.clock));
    slow.transactions.end("id", producer, true, 2).catch(() => {});
    while (slow.transactions.state("id")?.status !== "PrepareCommit") await slow.clock.advance(1);
    expect(logOf(slow, "a").lastStable).toBe(0);
    const again = await restarted(slow);
    expect(again.transactions.state("id")?.status).toBe("CompleteCommit");
    expect(await values(again, "a")).toEqual(["1"]);
    expect(await values(again, "b")).toEqual(["2"]);
    expect(await end(again, producer, true)).toMatchObject({ producerEpoch: 1 });
  });

  test("that is open over a restart can be committed afterwards", async () => {
    const node = await withTopics("a");
    const producer = await begin(node);
    await write(node, producer, "a", "1");
    const again = await restarted(node);
    expect(await values(again, "a")).toEqual([]);
    await write(again, producer, "a", "2");
    await end(again, producer, true);
    expect(await values(again, "a")).toEqual(["1", "2"]);
  });

  test("that is open over a restart still runs out of time", async () => {
    const node = await withTopics("a");
    const producer = await begin(node, 30_000);
    await write(node, producer, "a", "1");
    const again = await restarted(node);
    await again.clock.advance(31_000);
    expect(again.transactions.state("id")?.status).toBe("CompleteAbort");
    expect(logOf(again, "a").lastStable).toBe(logOf(again, "a").highWatermark);
    expect(await end(again, producer, true).catch(code)).toBe("invalid_txn_state");
    expect(await values(again, "a")).toEqual([]);
  });

  test("is not held up by a topic that was deleted", async () => {
    const node = await withTopics("a", "gone");
    const producer = await begin(node);
    await write(node, producer, "a", "1");
    await write(node, producer, "gone", "2");
    await now(node, node.broker.deleteTopic(somebody, "gone"));
    const next = await end(node, producer, true);
    expect(node.transactions.state("id")?.status).toBe("CompleteCommit");
    expect(await values(node, "a")).toEqual(["1"]);
    await write(node, next, "a", "3");
    await end(node, next, true);
    expect(await values(node, "a")).toEqual(["1", "3"]);
  });

  test("waits for a disk that comes back", async () => {
    const node = await withTopics("a");
    const producer = await begin(node);
    await write(node, producer, "a", "1");
    node.disk.full = true;
    expect(await end(node, producer, true).catch(code)).toBe("coordinator_not_available");
    node.disk.full = false;
    await end(node, producer, true);
    expect(await values(node, "a")).toEqual(["1"]);
  });
});

test("ids that nobody has used for long are forgotten", async () => {
  const node = await withTopics();
  await begin(node);
  const day = 24 * 60 * 60 * 1_000;
  await node.clock.advance(6 * day);
  expect(node.transactions.state("id")).not.toBeNull();
  await node.clock.advance(2 * day);
  expect(node.transactions.state("id")).toBeNull();
  const again = await restarted(node);
  expect(again.transactions.state("id")).toBeNull();
});

test("markers are not written into the coordinator's own log", async () => {
  const node = await withTopics("a");
  const producer = await begin(node);
  const marker = { ...producer, commit: false, version: 0, coordinatorEpoch: 0 } as const;
  const places = [
    { topic: "__transaction_state", partitions: [0] },
    { topic: "a", partitions: [0, 5] },
  ];
  const outcomes = await now(node, node.broker.transactions.writeMarkers(somebody, marker, places));
  expect(outcomes.map(({ refusal }) => refusal?.code ?? null)).toEqual([
    "topic_authorization_failed",
    null,
    "unknown_topic_or_partition",
  ]);
});
