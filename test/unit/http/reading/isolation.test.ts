/**
 * What transactions leave visible over HTTP: neither the node's own markers nor what was aborted, however it is asked for.
 */
import { expect, test } from "bun:test";
import type { AppendRequest } from "../../../../src/broker/verbs.ts";
import { createHttpApp } from "../../../../src/http/app.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { seededRandom } from "../../../../src/lib/random.ts";
import { walkBatches } from "../../../../src/records/batch.ts";
import { openTestNode, somebody, type TestNode } from "../../../simulation/test-node.ts";

const path = "http://127.0.0.1/v1/topics/t/partitions/0";

async function settled<T>(node: TestNode, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await node.clock.settle();
  return promise;
}

const records = (value: string, producerId: bigint | null): AppendRequest => ({
  topic: "t",
  partition: 0,
  acks: -1,
  payload: {
    type: "records",
    records: [
      { key: null, value: new TextEncoder().encode(value), headers: [], timestampMs: null },
    ],
    ...(producerId === null ? {} : { transaction: { producerId, producerEpoch: 0 } }),
  },
  transactional: { transactionalId: "x", support: "joins" },
});

/** 0 a | 1 b, aborted | 2 c | 3 marker | 4 d, committed | 5 marker | 6 e, still open | 7 f */
async function withTransactions() {
  const node = await openTestNode({ verifier: { verify: async () => {} } });
  const topic = { name: "t", partitions: 1, replicationFactor: 1, configs: {} };
  const { id } = await settled(node, node.broker.createTopic(somebody, topic));
  const append = (value: string, producerId: bigint | null) =>
    settled(node, node.broker.append(somebody, records(value, producerId)));
  const end = (producerId: bigint, commit: boolean) => {
    const epochs = { producerEpoch: 1, coordinatorEpoch: 0, transactionVersion: 2 };
    const marker = { producerId, commit, ...epochs };
    return settled(node, node.broker.producers.appendMarker(somebody, id, 0, marker));
  };
  await append("a", null);
  await append("b", 1n);
  await append("c", null);
  await end(1n, false);
  await append("d", 2n);
  await end(2n, true);
  await append("e", 3n);
  await append("f", null);
  let producerId = 3n;
  const abort = async (value: string): Promise<void> => {
    producerId += 1n;
    await append(value, producerId);
    await end(producerId, false);
  };
  const { broker, clock } = node;
  const app = createHttpApp({ broker, clock, random: seededRandom(1), logger: silentLogger });
  const get = (url: string, accept = "application/json") =>
    settled(node, Promise.resolve(app.fetch(new Request(url, { headers: { accept } }))));
  /** Asks without letting time pass. */
  const wait = (url: string, init: RequestInit = {}) => {
    const waiting = Promise.resolve(app.fetch(new Request(url, init)));
    const seen = { status: 0, body: "" };
    void waiting.then(async (response) => {
      seen.body = await response.text();
      seen.status = response.status;
    });
    return seen;
  };
  return { node, get, wait, append, abort, commit: (id: bigint) => end(id, true) };
}

interface Page {
  readonly records: readonly { readonly value: string; readonly offset: number }[];
  readonly next: number;
  readonly up_to_date: boolean;
  readonly last_stable: number;
}

async function pageAt(response: Response): Promise<[string, number, boolean]> {
  const { records, next, up_to_date } = (await response.json()) as Page;
  return [records.map(({ offset, value }) => `${offset}${value}`).join(" "), next, up_to_date];
}

test("a fetch shows what was committed, and goes on past the rest", async () => {
  const { get } = await withTransactions();
  expect(await pageAt(await get(`${path}/records`))).toEqual(["0a 2c 4d", 6, true]);
  expect(await pageAt(await get(`${path}/records?max_records=2`))).toEqual(["0a 2c", 4, false]);
  expect(await pageAt(await get(`${path}/records?from=3`))).toEqual(["4d", 6, true]);
  expect(await pageAt(await get(`${path}/records?from=1&to=2`))).toEqual(["", 2, false]);
  expect(await pageAt(await get(`${path}/records?isolation=read_uncommitted`))).toEqual([
    "0a 1b 2c 4d 6e 7f",
    8,
    true,
  ]);
});

/** The base offsets of the batches in a raw answer, and where to go on. */
async function batchesAt(response: Response): Promise<[number[], string | null]> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const bases = Array.from(walkBatches(bytes), ({ header }) => header.baseOffset);
  return [bases, response.headers.get("kafka-next")];
}

test("raw batches leave out the same whole; uncommitted ones, and chunks, are as stored", async () => {
  const { get } = await withTransactions();
  const raw = "application/vnd.kafka.recordbatch";
  expect(await batchesAt(await get(`${path}/records`, raw))).toEqual([[0, 2, 4], "6"]);
  expect(await batchesAt(await get(`${path}/records?from=1`, raw))).toEqual([[2, 4], "6"]);
  expect(await batchesAt(await get(`${path}/records?max_bytes=80`, raw))).toEqual([[0], "1"]);
  const all = [0, 1, 2, 3, 4, 5, 6, 7];
  const uncommitted = await get(`${path}/records?isolation=read_uncommitted`, raw);
  expect(await batchesAt(uncommitted)).toEqual([all, "8"]);
  expect(await batchesAt(await get(`${path}/chunks/0`))).toEqual([all, "8"]);
});

test("a tail gives each committed record once its transaction has ended", async () => {
  const { node, get } = await withTransactions();
  const response = await get("http://127.0.0.1/v1/tail?topic=t&from=earliest", "text/event-stream");
  const reader = response.body?.getReader();
  if (!reader) throw new Error("a tail has a body");
  const texts = new TextDecoder();
  let seen = "";
  const pump = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      seen += texts.decode(value, { stream: true });
    }
  })();
  pump.catch(() => {});
  const offsets = () => [...seen.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset));
  await node.clock.advance(100);
  expect(offsets()).toEqual([0, 2, 4]);
  const [log] = node.logs.all();
  const epochs = { producerEpoch: 1, coordinatorEpoch: 0, transactionVersion: 2 };
  const marker = { producerId: 3n, commit: true, ...epochs };
  const ended = node.broker.producers.appendMarker(somebody, log?.topicId ?? "", 0, marker);
  await node.clock.advance(100);
  await ended;
  await node.clock.advance(100);
  expect(offsets()).toEqual([0, 2, 4, 6, 7]);
  await reader.cancel();
});

test("a long poll waits on behind what is not shown, one partition's and many's", async () => {
  const { node, wait, append, abort, commit } = await withTransactions();
  await commit(3n); // 8: the marker; from here on all is stable.
  const many = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      partitions: [{ topic: "t", partition: 0, from: 9 }],
      wait_ms: 10_000,
    }),
  };
  const waiting = [
    wait(`${path}/records?from=9&wait_ms=10000`),
    wait(`${path}/records?from=7&to=12&isolation=read_uncommitted&wait_ms=10000`),
    wait("http://127.0.0.1/v1/fetch", many),
  ];
  await node.clock.advance(1_000);
  expect(waiting.map(({ status }) => status)).toEqual([0, 200, 0]);
  await abort("gone"); // 9, and its marker.
  await abort("gone too"); // 11, and its marker.
  await node.clock.advance(1_000);
  expect(waiting.map(({ status }) => status)).toEqual([0, 200, 0]);
  await append("seen", null); // 13
  await node.clock.advance(10);
  expect(waiting.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(JSON.parse(waiting[0]?.body ?? "")).toMatchObject({
    records: [{ offset: 13, value: "seen" }],
    next: 14,
  });
  expect(JSON.parse(waiting[2]?.body ?? "")).toMatchObject({
    partitions: [{ records: [{ offset: 13 }], next: 14 }],
  });
});

test("a long poll that was shown nothing in its time says where to go on", async () => {
  const { node, wait, abort, commit } = await withTransactions();
  await commit(3n);
  const waiting = wait(`${path}/records?from=9&wait_ms=10000`);
  const bounded = wait(`${path}/records?from=9&to=11&wait_ms=10000`);
  await node.clock.advance(4_000);
  await abort("gone");
  await node.clock.advance(5_900);
  expect([waiting.status, bounded.status]).toEqual([0, 200]);
  expect(JSON.parse(bounded.body)).toMatchObject({ records: [], next: 11 });
  await node.clock.advance(200);
  expect(JSON.parse(waiting.body)).toMatchObject({ records: [], next: 11, up_to_date: true });
});
