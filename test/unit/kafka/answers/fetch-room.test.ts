/** A Fetch reads no more than it has set aside, and keeps no more than there is room for. */
import { expect, test } from "bun:test";
import { fetchRecords } from "../../../../src/kafka/answers/fetch.ts";
import { FetchSessions } from "../../../../src/kafka/answers/fetch-sessions.ts";
import { MetadataCache } from "../../../../src/kafka/answers/metadata-cache.ts";
import type { Call } from "../../../../src/kafka/call.ts";
import { kafkaLimits } from "../../../../src/kafka/limits.ts";
import { UnsentAnswers } from "../../../../src/kafka/unsent-answers.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import type { ReadOptions } from "../../../../src/broker/verbs.ts";
import { openTestNode, somebody } from "../../../simulation/test-node.ts";

const MiB = 1024 * 1024;

/** A topic with records of these sizes in partition 0, in a node that holds so much for its clients. */
async function world(sizes: readonly number[], unsentBytesMax: number) {
  const node = await openTestNode({ limits: { tailCacheBytes: 1 } });
  const { clock, broker } = node;
  const now = async <T>(promise: Promise<T>): Promise<T> => {
    await clock.settle();
    return promise;
  };
  const configs = { "max.message.bytes": String(7 * MiB) };
  await now(
    broker.createTopic(somebody, { name: "t", partitions: 1, replicationFactor: 1, configs }),
  );
  const append = (bytes: number) =>
    now(
      broker.append(somebody, {
        topic: "t",
        partition: 0,
        acks: -1,
        payload: {
          type: "records",
          records: [{ key: null, value: new Uint8Array(bytes), headers: [], timestampMs: null }],
        },
      }),
    );
  for (const bytes of sizes) await append(bytes);
  const unsent = new UnsentAnswers(clock, { ...kafkaLimits, unsentBytesMax });
  const reads: ReadOptions[] = [];
  const door = {
    metadata: new MetadataCache(),
    apis: [],
    broker: {
      ...broker,
      read: (...[context, requests, options]: Parameters<typeof broker.read>) => {
        reads.push(options);
        return broker.read(context, requests, options);
      },
    },
    clock,
    deadlines: node.node.deadlines,
    limits: kafkaLimits,
    autoCreateTopics: false,
    sessions: new FetchSessions(kafkaLimits, clock, seededRandom(1)),
    unsent,
  };
  const fetch = async (maxWaitMs: number, minBytes = 1) => {
    let sent: () => void = () => {};
    const call: Call = {
      broker: door.broker,
      context: somebody,
      version: 4,
      door,
      nodes: [],
      ownsFrame: false,
      signal: new AbortController().signal,
      holdNext: () => () => {},
      reuse: (answer) => answer,
      onSent: (done) => (sent = done),
    };
    const partition = {
      partition: 0,
      currentLeaderEpoch: -1,
      fetchOffset: 0,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 50 * MiB,
    };
    const { responses } = await fetchRecords(
      {
        replicaId: -1,
        replicaState: { replicaId: -1 },
        maxWaitMs,
        minBytes,
        maxBytes: 50 * MiB,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [{ topic: "t", topicId: "", partitions: [partition] }],
        forgottenTopicsData: [],
      },
      call,
    );
    const records = responses[0]?.partitions[0]?.records ?? [];
    return {
      bytes: records.reduce((sum, run) => sum + run.byteLength, 0),
      taken: () => sent(),
    };
  };
  return { clock, unsent, reads, append, fetch };
}

test("a batch larger than what was set aside is read when there is room for all of it", async () => {
  const { clock, unsent, reads, fetch } = await world([3 * MiB], MiB);
  const held = await unsent.reserve(MiB);
  const fetching = fetch(0);
  await clock.settle();
  expect([reads.map(({ firstBytesMax }) => firstBytesMax), unsent.pressed]).toEqual([[MiB], true]);
  unsent.settle(held, 0);
  await clock.settle();
  const { bytes, taken } = await fetching;
  expect(bytes).toBeGreaterThan(3 * MiB);
  expect([reads.map(({ firstBytesMax }) => firstBytesMax), unsent.bytes]).toEqual([
    [MiB, bytes],
    bytes,
  ]);
  taken();
  expect(unsent.bytes).toBe(0);
});

test("what was waited for and does not fit is let go, and read again in turn", async () => {
  const { clock, unsent, reads, append, fetch } = await world([MiB], 3 * MiB);
  const fetching = fetch(60_000, 2 * MiB);
  await clock.settle();
  expect([reads.length, unsent.bytes]).toEqual([2, 0]);
  const others = [await unsent.reserve(3 * MiB), await unsent.reserve(0, 3 * MiB)];
  await append(MiB);
  await clock.settle();
  expect([reads.length, unsent.pressed]).toEqual([2, true]);
  for (const held of others) unsent.settle(held, 0);
  await clock.settle();
  const { bytes, taken } = await fetching;
  expect(bytes).toBeGreaterThan(MiB);
  expect(unsent.bytes).toBe(bytes);
  taken();
  expect(unsent.bytes).toBe(0);
});

test("an empty answer, and a small one, wait for nobody", async () => {
  const { clock, unsent, append, fetch } = await world([], MiB);
  const [ended, woken] = [fetch(1_000), fetch(60_000)];
  await clock.settle();
  const held = [await unsent.reserve(MiB), await unsent.reserve(MiB)];
  await clock.advance(1_000);
  expect((await ended).bytes).toBe(0);
  await append(100);
  await clock.settle();
  expect((await woken).bytes).toBeGreaterThan(100);
  for (const each of held) unsent.settle(each, 0);
});
