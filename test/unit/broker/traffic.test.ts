/**
 * What went in and out by topic, counted once whichever door it came through.
 */
import { expect, test } from "bun:test";
import type { AppendRequest } from "../../../src/broker/verbs.ts";
import { encodeBatch } from "../../../src/records/batch-encode.ts";
import { openTestNode, somebody, type TestNode } from "../../simulation/test-node.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const record = (value: string, key: string | null = null) => ({
  key: key === null ? null : bytes(key),
  value: bytes(value),
  headers: [],
  timestampMs: 1,
});

async function now<T>({ clock }: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await clock.settle();
  return promise;
}

async function open(topics: readonly string[]): Promise<TestNode> {
  const node = await openTestNode();
  for (const name of topics) {
    const topic = { name, partitions: 1, replicationFactor: 1, configs: {} };
    await now(node, node.broker.createTopic(somebody, topic));
  }
  return node;
}

const none = {
  messagesIn: 0,
  bytesIn: 0,
  bytesOut: 0,
  produceRequests: 0,
  failedProduceRequests: 0,
  fetchRequests: 0,
};

test("batches and records count as what they bring, a repeat as a request alone", async () => {
  const node = await open(["t"]);
  const { broker } = node;
  const append = (payload: AppendRequest["payload"], key?: string) => {
    const place = { topic: "t", partition: 0, acks: -1, payload } as const;
    const again = key === undefined ? {} : { idempotence: { type: "key", key } as const };
    return now(node, broker.append(somebody, { ...place, ...again }));
  };
  const batch = encodeBatch([record("a"), record("b")]);
  const size = batch.byteLength;
  await append({ type: "batch", bytes: batch, ownsBuffer: true });
  const records = { type: "records", records: [record("value", "key")] } as const;
  await append(records, "once");
  await append(records, "once");
  broker.traffic.fetched("t", 70);
  broker.traffic.fetched("t", 0);
  expect(broker.traffic.counts()).toEqual([
    {
      ...none,
      topic: "t",
      messagesIn: 3,
      bytesIn: size + 8,
      bytesOut: 70,
      produceRequests: 3,
      fetchRequests: 2,
    },
  ]);
});

test("a failed append counts as one unless Kafka expects it; a name that nobody has takes no room", async () => {
  const node = await open(["t"]);
  const { broker } = node;
  const fails = async (request: Partial<AppendRequest>) => {
    const payload = { type: "records", records: [record("x")] } as const;
    const whole = { topic: "t", partition: 0, acks: -1, payload, ...request } as const;
    const answer = now(node, broker.append(somebody, whole));
    expect(await answer.catch(() => "refused")).toBe("refused");
  };
  await fails({ topic: "nobody" });
  await fails({ partition: 7 });
  await fails({ expectOffset: 9 });
  const damaged = encodeBatch([record("a")]);
  damaged[65] = (damaged[65] ?? 0) ^ 1;
  await fails({ payload: { type: "batch", bytes: damaged } });
  expect(broker.traffic.counts()).toEqual([
    { ...none, topic: "t", produceRequests: 3, failedProduceRequests: 1 },
  ]);
});

test("a topic that is gone is counted no more", async () => {
  const node = await open(["t", "u"]);
  const { broker } = node;
  broker.traffic.fetched("t", 1);
  broker.traffic.fetched("u", 2);
  await now(node, broker.deleteTopic(somebody, "t"));
  expect(broker.traffic.counts()).toEqual([{ ...none, topic: "u", bytesOut: 2, fetchRequests: 1 }]);
});

test("past a thousand topics the others are counted together", async () => {
  const names = Array.from({ length: 1_003 }, (_, at) => `t${at}`);
  const node = await open(names);
  const { traffic } = node.broker;
  for (const name of names) traffic.fetched(name, 1);
  expect(traffic.counts()).toHaveLength(1_001);
  expect(traffic.counts().at(-1)).toMatchObject({ bytesOut: 3, fetchRequests: 3 });
});
