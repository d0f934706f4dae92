/**
 * Crowds of readers that stop reading, of each kind at once, against a node of its own process: what they hold together is
 * bounded, and another client's records are written and read meanwhile.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, spawnNode } from "./node-process.ts";

const crowd = 300;
/** As many of each kind read the largest records. */
const largestCrowd = 60;
const largestBytes = 6_900_000;
/**
 * What a crowd may add to the node's memory. What is counted is 128 MiB of answers, or 64 of tails, and 32 in the making; about
 * as much again may be garbage that the collector has not come by for (60 to 300 MB were seen). When it comes by is chance: a
 * bound near what was seen fails once in a hundred runs, and what is not bounded comes to gigabytes.
 */
const grownMaxMb = 700;
/** All crowds at once: two doors with answers, and one of them with tails as well. 350 MB are counted; 290 to 750 were seen. */
const allGrownMaxMb = 1_400;
/** For how long it is looked at. */
const watchSeconds = 6;
/** The longest that another client may wait for what it wrote or read. */
const otherMaxMs = 5_000;

let directory: string;
let port: number;
let kafkaPort: number;
let url: string;
let node: NodeProcess;
let sockets: Socket[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kedge-crowd-"));
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  kafkaPort = await freePort();
  node = spawnNode(directory, port, { kafka: `127.0.0.1:${kafkaPort}` });
  sockets = [];
  await node.ready();
  await fill("large", 60, (at) => ({ type: "text/plain", body: `${at}`.padEnd(1_000_000, "x") }));
  const values = JSON.stringify({
    records: Array.from({ length: 1_000 }, () => ({ value: "x".repeat(1024) })),
  });
  await fill("pages", 16, () => ({ type: "application/json", body: values }));
  const largest = (at: number) => ({
    type: "text/plain",
    body: `${at}`.padEnd(largestBytes, "x"),
  });
  await fill("largest", 8, largest, { "max.message.bytes": "7340032" });
  await fill("other", 1, () => ({ type: "text/plain", body: "hello" }));
}, 60_000);

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await node.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

async function fill(
  topic: string,
  count: number,
  request: (at: number) => { type: string; body: string },
  configs: Record<string, string> = {},
): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name: topic, partitions: 1, configs });
  const made = await fetch(`${url}/v1/topics`, { method: "POST", headers, body });
  expect(made.status).toBe(201);
  for (let at = 0; at < count; at++) await append(topic, request(at));
}

async function append(topic: string, request: { type: string; body: string }): Promise<void> {
  const answer = await fetch(`${url}/v1/topics/${topic}/partitions/0/records`, {
    method: "POST",
    headers: { "content-type": request.type },
    body: request.body,
  });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
}

function residentMb(): number {
  const status = readFileSync(`/proc/${node.child.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** A client by raw socket that says what it wants and never reads the answer. */
function stalled(...says: (string | Uint8Array)[]): void {
  stalledAt(port, says);
}

function stalledAt(at: number, says: readonly (string | Uint8Array)[]): void {
  const socket = connect(at, "127.0.0.1");
  socket.on("error", () => {}); // Being dropped is what it is for.
  sockets.push(socket);
  socket.pause();
  for (const say of says) socket.write(say);
}

/** A text message as a client sends it (RFC 6455, 5.2), masked with zeros. */
function frame(message: unknown): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(message));
  const head = [0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...payload]);
}

/** A Fetch (version 4) of all of a topic, as a Kafka client sends it. */
function kafkaFetch(topic: string): Uint8Array {
  const name = new TextEncoder().encode(topic);
  const frame = new DataView(new ArrayBuffer(4 + 10 + 21 + 2 + name.length + 4 + 16));
  let at = 0;
  const put = (bytes: 1 | 2 | 4 | 8, value: number): void => {
    if (bytes === 8) frame.setBigInt64(at, BigInt(value));
    else if (bytes === 4) frame.setInt32(at, value);
    else if (bytes === 2) frame.setInt16(at, value);
    else frame.setInt8(at, value);
    at += bytes;
  };
  put(4, frame.byteLength - 4);
  for (const [bytes, value] of [
    [2, 1],
    [2, 4],
    [4, 1],
    [2, -1],
  ] as const)
    put(bytes, value);
  const mebibyte = 1024 * 1024;
  for (const value of [-1, 500, 1, 50 * mebibyte]) put(4, value);
  put(1, 0);
  put(4, 1);
  put(2, name.length);
  new Uint8Array(frame.buffer).set(name, at);
  at += name.length;
  for (const value of [1, 0]) put(4, value);
  put(8, 0);
  put(4, 50 * mebibyte);
  return new Uint8Array(frame.buffer);
}

const host = "Host: 127.0.0.1\r\n";
const pageQuery = "max_records=10000&max_bytes=8388608";

function webSocketTail(topic: string): void {
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const sub = { op: "sub", id: 1, topics: [topic], from: "earliest", credit: 1_000_000 };
  stalled(`GET /v1/ws HTTP/1.1\r\n${host}${upgrade}${key}\r\n`, frame(sub));
}

function groupStream(topic: string): void {
  stalled(
    `GET /v1/groups/g${sockets.length}/stream?topic=${topic} HTTP/1.1\r\n${host}Accept: text/event-stream\r\n\r\n`,
  );
}

const kinds: Record<string, () => void> = {
  "WebSocket tails": () => webSocketTail("large"),
  "event streams": () => stalled(`GET /v1/tail?topic=large&from=earliest HTTP/1.1\r\n${host}\r\n`),
  "group streams": () => groupStream("large"),
  "JSON pages": () =>
    stalled(
      `GET /v1/topics/pages/partitions/0/records?${pageQuery} HTTP/1.1\r\n${host}Accept-Encoding: identity\r\n\r\n`,
    ),
  "JSON pages of large records": () =>
    stalled(
      `GET /v1/topics/large/partitions/0/records?${pageQuery} HTTP/1.1\r\n${host}Accept-Encoding: identity\r\n\r\n`,
    ),
  "Kafka fetches": () => stalledAt(kafkaPort, [kafkaFetch("large"), kafkaFetch("large")]),
  // Each of another size, so that no two of them share what is read.
  "long polls for more than there is": () =>
    stalled(
      `GET /v1/topics/large/partitions/0/records?from=54&max_records=10000&max_bytes=${8_388_608 - sockets.length}` +
        `&min_bytes=8300000&wait_ms=20000 HTTP/1.1\r\n${host}\r\n`,
    ),
  "long polls": () =>
    stalled(
      `GET /v1/topics/pages/partitions/0/records?${pageQuery}&wait_ms=20000 HTTP/1.1\r\n${host}\r\n`,
    ),
};

/** Readers of the largest records, of every kind; each page has one record, from one of eight places. */
const largestKinds: readonly (() => void)[] = [
  ...["application/json", "application/x-ndjson", "application/vnd.kafka.recordbatch"].map(
    (accept) => () =>
      stalled(
        `GET /v1/topics/largest/partitions/0/records?max_bytes=1000&from=${sockets.length % 8} HTTP/1.1\r\n${host}` +
          `Accept: ${accept}\r\nAccept-Encoding: identity\r\n\r\n`,
      ),
  ),
  () => {
    const partitions = [{ topic: "largest", partition: 0, from: sockets.length % 8 }];
    const body = JSON.stringify({ partitions, max_bytes: 8_388_608 });
    const type = "Content-Type: application/json\r\n";
    stalled(
      `POST /v1/fetch HTTP/1.1\r\n${host}${type}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  },
  () => stalled(`GET /v1/tail?topic=largest&from=earliest HTTP/1.1\r\n${host}\r\n`),
  () => webSocketTail("largest"),
  () => groupStream("largest"),
  () => stalledAt(kafkaPort, [kafkaFetch("largest"), kafkaFetch("largest")]),
];

interface Watched {
  readonly mostMb: number;
  readonly appendMs: number;
  readonly appendP99Ms: number;
  readonly fetchMs: number;
}

/** How long appends and fetches of another client took at most while `seconds` went by, and the most memory. */
async function watch(seconds: number): Promise<Watched> {
  let mostMb = residentMb();
  let fetchMs = 0;
  const appends: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  const looking = setInterval(() => (mostMb = Math.max(mostMb, residentMb())), 20);
  while (performance.now() < endMs) {
    const startMs = performance.now();
    await append("other", { type: "text/plain", body: "hello" });
    const appendedMs = performance.now();
    const answer = await fetch(`${url}/v1/topics/other/partitions/0/records`);
    expect(answer.status).toBe(200);
    const page: { records: unknown[] } = await answer.json();
    expect(page.records.length).toBeGreaterThan(0);
    appends.push(appendedMs - startMs);
    fetchMs = Math.max(fetchMs, performance.now() - appendedMs);
    await Bun.sleep(10);
  }
  clearInterval(looking);
  appends.sort((a, b) => a - b);
  const appendP99Ms = appends[Math.floor(appends.length * 0.99)] ?? 0;
  return { mostMb, appendMs: appends.at(-1) ?? 0, appendP99Ms, fetchMs };
}

async function trial(name: string, begin: () => void, grownMb: number, seconds: number) {
  const before = residentMb();
  begin();
  const { mostMb, appendMs, appendP99Ms, fetchMs } = await watch(seconds);
  console.log(
    `${name}: ${before} MB before, ${mostMb} MB at most; others waited ${Math.round(appendMs)} ms at most ` +
      `(p99 ${Math.round(appendP99Ms)} ms) to write, ${Math.round(fetchMs)} ms to read`,
  );
  expect(mostMb - before).toBeLessThan(grownMb);
  expect(Math.max(appendMs, fetchMs)).toBeLessThan(otherMaxMs);
}

function crowdOf(begin: () => void, count = crowd): void {
  for (let at = 0; at < count; at++) begin();
}

for (const [kind, begin] of Object.entries(kinds)) {
  const name = `${crowd} ${kind} that are not read`;
  test(name, () => trial(name, () => crowdOf(begin), grownMaxMb, watchSeconds), 60_000);
}

test(`${crowd} of each kind at once`, async () => {
  const everybody = (): void => Object.values(kinds).forEach((begin) => crowdOf(begin));
  await trial(`${crowd} of each kind`, everybody, allGrownMaxMb, 2 * watchSeconds);
}, 90_000);

test(`${largestCrowd} of each kind that read records of ${largestBytes} bytes`, async () => {
  const everybody = (): void => largestKinds.forEach((begin) => crowdOf(begin, largestCrowd));
  const name = `${largestCrowd} of each kind, largest records`;
  await trial(name, everybody, allGrownMaxMb, 2 * watchSeconds);
}, 90_000);
