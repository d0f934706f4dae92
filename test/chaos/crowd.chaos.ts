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
/** What a crowd may add to the node's memory: what it holds is bounded by some 200 MB, the rest is garbage of making it. */
const grownMaxMb = 450;
/** For how long it is looked at. */
const watchSeconds = 6;
/** The longest that another client may wait for what it wrote or read. */
const otherMaxMs = 5_000;

let directory: string;
let port: number;
let url: string;
let node: NodeProcess;
let sockets: Socket[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kedge-crowd-"));
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  node = spawnNode(directory, port);
  sockets = [];
  await node.ready();
  await fill("large", 60, (at) => ({ type: "text/plain", body: `${at}`.padEnd(1_000_000, "x") }));
  const values = JSON.stringify({
    records: Array.from({ length: 1_000 }, () => ({ value: "x".repeat(1024) })),
  });
  await fill("pages", 16, () => ({ type: "application/json", body: values }));
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
): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name: topic, partitions: 1 });
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
  const socket = connect(port, "127.0.0.1");
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

const host = "Host: 127.0.0.1\r\n";
const pageQuery = "max_records=10000&max_bytes=8388608";

const kinds: Record<string, () => void> = {
  "WebSocket tails": () => {
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const sub = { op: "sub", id: 1, topics: ["large"], from: "earliest", credit: 1_000_000 };
    stalled(`GET /v1/ws HTTP/1.1\r\n${host}${upgrade}${key}\r\n`, frame(sub));
  },
  "event streams": () => stalled(`GET /v1/tail?topic=large&from=earliest HTTP/1.1\r\n${host}\r\n`),
  "group streams": () =>
    stalled(
      `GET /v1/groups/g${sockets.length}/stream?topic=large HTTP/1.1\r\n${host}Accept: text/event-stream\r\n\r\n`,
    ),
  "JSON pages": () =>
    stalled(
      `GET /v1/topics/pages/partitions/0/records?${pageQuery} HTTP/1.1\r\n${host}Accept-Encoding: identity\r\n\r\n`,
    ),
  "JSON pages of large records": () =>
    stalled(
      `GET /v1/topics/large/partitions/0/records?${pageQuery} HTTP/1.1\r\n${host}Accept-Encoding: identity\r\n\r\n`,
    ),
  "long polls": () =>
    stalled(
      `GET /v1/topics/pages/partitions/0/records?${pageQuery}&wait_ms=20000 HTTP/1.1\r\n${host}\r\n`,
    ),
};

/** The longest that an append and a fetch of another client took, each, while `watchSeconds` went by; and the most memory. */
async function watch(): Promise<{ mostMb: number; appendMs: number; fetchMs: number }> {
  const most = { mostMb: residentMb(), appendMs: 0, fetchMs: 0 };
  const endMs = performance.now() + watchSeconds * 1_000;
  const looking = setInterval(() => (most.mostMb = Math.max(most.mostMb, residentMb())), 20);
  while (performance.now() < endMs) {
    const startMs = performance.now();
    await append("other", { type: "text/plain", body: "hello" });
    const appendedMs = performance.now();
    const answer = await fetch(`${url}/v1/topics/other/partitions/0/records`);
    expect(answer.status).toBe(200);
    const page: { records: unknown[] } = await answer.json();
    expect(page.records.length).toBeGreaterThan(0);
    most.appendMs = Math.max(most.appendMs, appendedMs - startMs);
    most.fetchMs = Math.max(most.fetchMs, performance.now() - appendedMs);
    await Bun.sleep(20);
  }
  clearInterval(looking);
  return most;
}

for (const [kind, begin] of Object.entries(kinds))
  test(`${crowd} ${kind} that are not read`, async () => {
    const before = residentMb();
    for (let at = 0; at < crowd; at++) begin();
    const { mostMb, appendMs, fetchMs } = await watch();
    console.log(
      `${crowd} ${kind}: ${before} MB before, ${mostMb} MB at most; others waited ${Math.round(appendMs)} ms to write, ${Math.round(fetchMs)} ms to read`,
    );
    expect(mostMb - before).toBeLessThan(grownMaxMb);
    expect(Math.max(appendMs, fetchMs)).toBeLessThan(otherMaxMs);
  }, 60_000);
