/**
 * The offsets that a log skips after a restore: readers who had read everything come to its end by both doors, and groups to
 * a lag of 0.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetch as fetchApi } from "../../src/kafka/apis/01-fetch.ts";
import { offsetFetch } from "../../src/kafka/apis/09-offset-fetch.ts";
import type { Node } from "../../src/node.ts";
import { walkBatches } from "../../src/records/batch.ts";
import { markRestored } from "../../src/storage/files/inspect.ts";
import { anyPorts, kafkaAddress, startInProcess } from "./in-process-node.ts";
import { connectKafka, type KafkaConnection } from "./kafka-connection.ts";
import {
  batchOf,
  fetchPart,
  fetchRequest,
  newTopic,
  produceTo,
  type Topic,
  valuesOf,
} from "./kafka-records.ts";

// Files are synced, which takes its time on a busy disk.
setDefaultTimeout(30_000);

let folder: string;
let node: Node;
let connection: KafkaConnection;
let topic: Topic;
/** Where the log ended before it was restored. */
const END = 3;

async function start(): Promise<void> {
  node = await startInProcess(["--data", join(folder, "data"), ...anyPorts]);
  connection = await connectKafka(kafkaAddress(node));
}

/** How far the group lags, once its coordinator has read its log. */
async function lagOf(group: string): Promise<unknown> {
  for (;;) {
    const answer = await ask("GET", `/v1/groups/${group}/lag`);
    if (answer.status !== 503) return answer.json();
    await Bun.sleep(50);
  }
}

const ask = (method: string, path: string, body?: unknown) =>
  fetch(`${node.url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { "content-type": "application/json" },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kedge-hole-"));
  await start();
  topic = await newTopic(connection);
  await produceTo(connection, topic, batchOf(["a", "b", "c"]));
  const offsets = [{ topic: topic.name, partition: 0, offset: END }];
  for (const group of ["done", "member"])
    expect((await ask("POST", `/v1/groups/${group}/offsets`, { offsets })).status).toBe(200);
  connection.close();
  await node.stop();
  markRestored(join(folder, "data"));
  await start();
});

afterAll(async () => {
  connection.close();
  await node.stop();
  await rm(folder, { recursive: true });
});

test("a group that had read everything lags behind by nothing", async () => {
  const lag = await lagOf("done");
  expect(lag).toMatchObject({ lag: 0, partitions: [{ offset: expect.any(Number), lag: 0 }] });
});

test("both doors tell what it committed as the end of the hole", async () => {
  const { highWatermark } = await fetchPart(connection, topic, 0);
  const topics = [{ name: topic.name, partitionIndexes: [0] }];
  for (const version of [1, 7]) {
    const stable = version < 7 ? {} : { requireStable: true };
    const asked = { groupId: "done", topics, groups: [], ...stable };
    const answer = await connection.send(offsetFetch, version, asked);
    expect(answer.topics[0]?.partitions).toMatchObject([{ committedOffset: highWatermark }]);
  }
  const groups = [{ groupId: "done", memberId: null, memberEpoch: -1, topics: null }];
  const asked = { groupId: "", topics: [], groups, requireStable: false };
  const answer = await connection.send(offsetFetch, 9, asked);
  expect(answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(highWatermark);
  const told: unknown = await (await ask("GET", "/v1/groups/done/offsets")).json();
  expect(told).toMatchObject({ offsets: [{ offset: highWatermark }] });
});

test("an HTTP member is led behind the hole", async () => {
  await lagOf("member"); // Its coordinator answers now.
  const joined = await ask("PUT", "/v1/groups/member/members/m", { topics: [topic.name] });
  const { member_epoch } = (await joined.json()) as { member_epoch: number };
  const poll = { member_epoch, poll_id: "1" };
  const polled = await (await ask("POST", "/v1/groups/member/members/m/poll", poll)).json();
  const { highWatermark } = await fetchPart(connection, topic, 0);
  expect(polled).toMatchObject({
    records: [],
    next: [{ topic: topic.name, partition: 0, offset: highWatermark }],
  });
});

test("a Kafka consumer is given batches without a record, which it steps over", async () => {
  const { highWatermark } = await fetchPart(connection, topic, 0);
  expect(highWatermark).toBeGreaterThan(END + 1_000);
  let fetches = 0;
  for (let at = END; at < highWatermark; fetches++) {
    const { records, errorCode } = await fetchPart(connection, topic, at, { maxWaitMs: 20_000 });
    expect(errorCode).toBe(0);
    const batches = [...walkBatches(records ?? new Uint8Array())].map(({ header }) => header);
    // A batch can cover no more than that.
    const lastOffsetDelta = Math.min(highWatermark - 1 - at, 0x7fffffff);
    expect(batches).toMatchObject([{ baseOffset: at, lastOffsetDelta, count: 0, producerId: -1n }]);
    at += lastOffsetDelta + 1;
  }
  expect(fetches).toBeLessThan(50);
  expect(await fetchPart(connection, topic, highWatermark)).toMatchObject({
    errorCode: 0,
    records: new Uint8Array(),
  });
});

test("a fetch session tells it as news", async () => {
  const { sessionId } = await connection.send(
    fetchApi,
    12,
    fetchRequest(topic, 0, { sessionEpoch: 0 }),
  );
  const asked = fetchRequest(topic, END, { sessionId, sessionEpoch: 1, maxWaitMs: 20_000 });
  const { responses } = await connection.send(fetchApi, 12, asked);
  expect(responses[0]?.partitions[0]?.records?.byteLength).toBeGreaterThan(0);
});

test("what is written behind the hole is read, and lag counts from there", async () => {
  await produceTo(connection, topic, batchOf(["d", "e"]));
  expect(valuesOf((await fetchPart(connection, topic, END)).records)).toEqual(["d", "e"]);
  const lag = await lagOf("done");
  expect(lag).toMatchObject({ lag: 2, partitions: [{ lag: 2 }] });
});
