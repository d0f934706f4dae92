/**
 * Readers in numbers and in trouble, against a node of its own process: ten thousand that wait, two that stop reading,
 * some that are cut off again and again, some whose node is killed under them.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { StreamReader } from "../conformance/event-reader.ts";
import { type NodeProcess, spawnNode } from "./node-process.ts";
import { ResumingReader } from "./resuming-reader.ts";

const polls = 10_000;
const pollsMemoryMaxMb = 400;
const partitions = 3;
/** What flows past a reader that has stopped, before memory is looked at and after. */
const megabytes = 100;
const unreadPages = 300;
const unreadPagesMemoryMaxMb = 600;

let directory: string;
let port: number;
let url: string;
let node: NodeProcess;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kedge-readers-"));
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  node = spawnNode(directory, port);
  await node.ready();
}, 30_000);

afterEach(async () => {
  await node.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

async function createTopic(name: string, count: number): Promise<void> {
  const response = await fetch(`${url}/v1/topics`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, partitions: count }),
  });
  expect(response.status).toBe(201);
}

/** Appends values to one partition; the first one's offset, or null where no answer says. */
async function append(topic: string, partition: number, values: string[]): Promise<number | null> {
  try {
    const response = await fetch(`${url}/v1/topics/${topic}/partitions/${partition}/records`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ records: values.map((value) => ({ value })) }),
    });
    if (response.status !== 200) return null;
    const { results }: { results: { offset: number }[] } = await response.json();
    return results[0]?.offset ?? null;
  } catch {
    return null;
  }
}

/** The whole log of one partition, as values by offset. */
async function readAll(topic: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const path = `/v1/topics/${topic}/partitions/${partition}/records`;
    const response = await fetch(`${url}${path}?from=${values.length}&max_records=10000`);
    const page: { records: { offset: number; value: string }[] } = await response.json();
    if (page.records.length === 0) return values;
    for (const { offset, value } of page.records) {
      expect(offset).toBe(values.length);
      values.push(value);
    }
  }
}

function residentMb(): number {
  const status = readFileSync(`/proc/${node.child.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

async function until(what: () => boolean, seconds: number): Promise<void> {
  for (let at = 0; !what() && at < seconds * 100; at++) await Bun.sleep(10);
}

test(`${polls} idle long polls: memory, and every one answered by one record`, async () => {
  await createTopic("idle", 1);
  const before = residentMb();
  let answered = 0;
  const sockets: Socket[] = [];
  const path = "/v1/topics/idle/partitions/0/records?from=latest&wait_ms=25000";
  const ask = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  const started = performance.now();
  for (let at = 0; at < polls; at++) {
    const socket = connect(port, "127.0.0.1", () => socket.write(ask));
    socket.on("error", () => {});
    socket.once("data", (data) => {
      if (data.includes('"wake"')) answered += 1;
    });
    sockets.push(socket);
    if (at % 500 === 499) await Bun.sleep(20);
  }
  await until(() => sockets.every((socket) => !socket.connecting), 15);
  await Bun.sleep(1_000);
  const held = residentMb();
  const openedSeconds = (performance.now() - started) / 1_000;
  expect(await append("idle", 0, ["wake"])).toBe(0);
  await until(() => answered === polls, 20);
  console.log(
    `${polls} long polls: ${before} MB before, ${held} MB held, ${residentMb()} MB after; opened in ${openedSeconds.toFixed(1)} s`,
  );
  for (const socket of sockets) socket.destroy();
  expect(answered).toBe(polls);
  expect(held).toBeLessThan(pollsMemoryMaxMb);
}, 90_000);

/** A reader by raw socket that says what it wants and never reads the answer. */
async function stalledReader(...says: (string | Uint8Array)[]): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {}); // Being dropped is what it is for.
  for (const say of says) {
    socket.write(say);
    await Bun.sleep(200);
  }
  socket.pause();
  return socket;
}

/** A short text message as a client sends it (RFC 6455, 5.2), masked with zeros. */
function frame(message: unknown): Uint8Array {
  const payload = new TextEncoder().encode(JSON.stringify(message));
  const head = [0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...payload]);
}

/** Appends records of 1 KiB, a thousand at a time, while the reader takes them all. */
async function flood(reader: StreamReader, fromMb: number, toMb: number): Promise<void> {
  const values = Array.from({ length: 1_000 }, () => "x".repeat(1024));
  const seen = reader.events((toMb - fromMb) * 1_000);
  for (let at = fromMb; at < toMb; at++) expect(await append("flood", 0, values)).toBe(at * 1_000);
  expect((await seen).at(-1)?.data?.["offset"]).toBe(toMb * 1_000 - 1);
}

test("readers that stop reading cost little, hold up nobody, and are dropped", async () => {
  await createTopic("flood", 1);
  const host = "Host: 127.0.0.1\r\n";
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const stalled = [
    await stalledReader(`GET /v1/tail?topic=flood HTTP/1.1\r\n${host}\r\n`),
    await stalledReader(
      `GET /v1/ws HTTP/1.1\r\n${host}${upgrade}${key}\r\n`,
      frame({ op: "sub", id: 1, topics: ["flood"], credit: 1_000_000 }),
    ),
  ];
  let cut = 0;
  for (const socket of stalled) socket.on("close", () => (cut += 1));
  const healthy = await fetch(`${url}/v1/tail?topic=flood`);
  if (!healthy.body) throw new Error("a stream has a body");
  const reader = new StreamReader(healthy.body);
  await flood(reader, 0, megabytes);
  const before = residentMb();
  await flood(reader, megabytes, 2 * megabytes);
  const grown = residentMb() - before;
  console.log(`${megabytes} MB more past two stalled readers: ${before} MB grew by ${grown} MB`);
  expect(grown).toBeLessThan(100);
  await reader.cancel();
  await until(() => openTails() === 0, 80);
  expect(openTails()).toBe(0);
  for (const socket of stalled) socket.resume();
  await until(() => cut === stalled.length, 20);
  expect(cut).toBe(stalled.length);
}, 150_000);

test("many clients that never read their large pages cost bounded memory, and others read on", async () => {
  const records = "/v1/topics/pages/partitions/0/records?max_records=10000&max_bytes=8388608";
  const control = records.replace("pages", "control");
  const body = JSON.stringify({
    partitions: [{ topic: "pages", partition: 0 }],
    max_records: 10_000,
    max_bytes: 8_388_608,
  });
  const host = "Host: 127.0.0.1\r\n";
  const asks = [
    `GET ${records} HTTP/1.1\r\n${host}\r\n`,
    `GET ${control} HTTP/1.1\r\n${host}\r\n`,
    `GET ${records} HTTP/1.1\r\n${host}Accept: application/vnd.kafka.recordbatch\r\n\r\n`,
    `POST /v1/fetch HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    `GET /v1/topics/pages/partitions/0/chunks/0 HTTP/1.1\r\n${host}\r\n`,
  ];
  for (const [topic, letter] of [
    ["pages", "x"],
    ["control", "\u0001"],
  ] as const) {
    await createTopic(topic, 1);
    const values = Array.from({ length: 1_000 }, () => letter.repeat(1024));
    for (let at = 0; at < 10; at++) expect(await append(topic, 0, values)).toBe(at * 1_000);
  }
  await (await fetch(url + records)).arrayBuffer();
  const before = residentMb();
  const sockets: Socket[] = [];
  let most = before;
  let answered = 0;
  for (let at = 0; at < unreadPages; at++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {}); // Being dropped is what it is for.
    socket.write(asks[at % asks.length] ?? "");
    socket.pause();
    sockets.push(socket);
    if (at % 10 !== 9) continue;
    await Bun.sleep(100);
    most = Math.max(most, residentMb());
    const other = await fetch(`${url}${records}`);
    if (other.status === 200) {
      const page: { records: unknown[] } = await other.json();
      expect(page.records.length).toBeGreaterThan(0);
      answered += 1;
    } else expect([other.status, other.headers.get("retry-after")]).toEqual([429, "1"]);
  }
  console.log(
    `${unreadPages} unread pages: ${before} MB before, ${most} MB at most; others answered ${answered} of ${unreadPages / 10}`,
  );
  for (const socket of sockets) socket.destroy();
  expect(most - before).toBeLessThan(unreadPagesMemoryMaxMb);
  expect(answered).toBeGreaterThan(0);
  await Bun.sleep(500);
  const page: { records: unknown[] } = await (await fetch(url + records)).json();
  expect(page.records.length).toBeGreaterThan(5_000);
}, 90_000);

/** Connections of this test that the node still has open, as its process sees them. */
function openTails(): number {
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return lines.filter((line) => {
    const [, address, , state] = line.trim().split(/\s+/);
    return address === local && state === "01";
  }).length;
}

test("streams that are cut off again and again under load see every record once, in order", async () => {
  await createTopic("cut", partitions);
  const readers = Array.from({ length: 4 }, () => new ResumingReader(url, "cut", partitions));
  const counts = Array.from({ length: partitions }, () => 0);
  const endMs = performance.now() + 15_000;
  const writers = counts.map(async (_, partition) => {
    for (let at = 0; performance.now() < endMs; at++) {
      const values = [`${partition}/${at}a`, `${partition}/${at}b`, `${partition}/${at}c`];
      const offset = await append("cut", partition, values);
      if (offset !== null) counts[partition] = offset + values.length;
    }
  });
  const cutting = (async () => {
    while (performance.now() < endMs) {
      for (const reader of readers) if (Math.random() < 0.3) reader.cut();
      await Bun.sleep(20);
    }
  })();
  await Promise.all([...writers, cutting]);
  const total = counts.reduce((sum, count) => sum + count, 0);
  await until(() => readers.every((reader) => reader.count() >= total), 25);
  const logs = await Promise.all(counts.map((_, partition) => readAll("cut", partition)));
  const resumed = readers.reduce((sum, reader) => sum + reader.resumed, 0);
  console.log(`${total} records, ${resumed} cuts over ${readers.length} readers`);
  for (const reader of readers) {
    await reader.stop();
    expect(reader.wrong).toEqual([]);
    expect(reader.seen).toEqual(logs);
  }
  expect(resumed).toBeGreaterThan(100);
  expect(total).toBeGreaterThan(1_000);
}, 60_000);

test("a node killed under its readers: they resume, and see every acknowledged record once", async () => {
  await createTopic("killed", partitions);
  const readers = Array.from({ length: 3 }, () => new ResumingReader(url, "killed", partitions));
  const acknowledged = Array.from({ length: partitions }, () => new Map<number, string>());
  const over = new AbortController();
  const writers = acknowledged.map(async (kept, partition) => {
    for (let at = 0; !over.signal.aborted; at++) {
      const value = `${partition}/${at}`;
      const offset = await append("killed", partition, [value]);
      if (offset === null) await Bun.sleep(20);
      else kept.set(offset, value);
    }
  });
  const kills = 5;
  for (let at = 0; at < kills; at++) {
    await Bun.sleep(1_000);
    await node.end("SIGKILL");
    node = spawnNode(directory, port);
    await node.ready();
  }
  await Bun.sleep(500);
  over.abort();
  await Promise.all(writers);
  const logs = await Promise.all(acknowledged.map((_, partition) => readAll("killed", partition)));
  const total = logs.reduce((sum, log) => sum + log.length, 0);
  await until(() => readers.every((reader) => reader.count() >= total), 25);
  for (const reader of readers) {
    await reader.stop();
    expect(reader.wrong).toEqual([]);
    expect(reader.seen).toEqual(logs);
  }
  for (const [partition, kept] of acknowledged.entries())
    for (const [offset, value] of kept) expect(logs[partition]?.[offset]).toBe(value);
  const count = acknowledged.reduce((sum, kept) => sum + kept.size, 0);
  console.log(`${kills} kills, ${count} acknowledged of ${total} records`);
  expect(count).toBeGreaterThan(100);
}, 90_000);
