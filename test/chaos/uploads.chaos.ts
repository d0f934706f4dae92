/**
 * Crowds of clients that send large bodies slowly, against a node of its own process: what it holds of them is bounded together,
 * and another client's records are written meanwhile, and when all of them leave or end at once.
 */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, spawnNode } from "./node-process.ts";

const crowd = 150;
const bodyBytes = 16_000_000;
const pieceBytes = 60_000;
/**
 * 64 MiB are counted, and as much again of what has arrived of bodies that wait; the runtime holds what it has read ahead, and
 * there is garbage: 230 to 680 MB were seen, 2,400 and more before there was a bound.
 */
const grownMaxMb = 1_400;
/** The longest that another client may wait: 0.2 s on an idle machine, 3.6 s on one that did more; 9 s idle before. */
const otherMaxMs = 6_000;
const watchSeconds = 6;

let directory: string;
let port: number;
let url: string;
let node: NodeProcess;
let sockets: Socket[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kedge-uploads-"));
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  node = spawnNode(directory, port);
  sockets = [];
  await node.ready();
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ name: "t", partitions: 1 });
  const made = await fetch(`${url}/v1/topics`, { method: "POST", headers, body });
  expect(made.status).toBe(201);
}, 60_000);

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await node.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

const path = "/v1/topics/t/partitions/0/records";

/** Sends the head, then the pieces, one every 60 ms, as far as they are taken. */
function trickle(head: string, piece: string, pieces: number): void {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {}); // Being dropped is what it is for.
  socket.on("data", () => {});
  sockets.push(socket);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}\r\n\r\n`);
  let sent = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || sent === pieces) clearInterval(timer);
    else if (socket.writableLength < 5 * pieceBytes) {
      socket.write(piece);
      sent += 1;
    }
  }, 60);
}

function residentMb(): number {
  const status = readFileSync(`/proc/${node.child.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** The most memory, and the longest that another client waited for its record to be written. */
async function watch(seconds: number): Promise<{ mostMb: number; longestMs: number }> {
  let mostMb = 0;
  let longestMs = 0;
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs) {
    const startMs = performance.now();
    const headers = { "content-type": "text/plain" };
    const answer = await fetch(url + path, { method: "POST", headers, body: "hello" });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    longestMs = Math.max(longestMs, performance.now() - startMs);
    mostMb = Math.max(mostMb, residentMb());
    await Bun.sleep(20);
  }
  return { mostMb, longestMs };
}

const piece = "a".repeat(pieceBytes);
const chunk = `${pieceBytes.toString(16)}\r\n${piece}\r\n`;
/** Nine tenths of what a line may have. */
const linePieces = 150;

const kinds: Record<string, () => void> = {
  "bodies of a known length": () =>
    trickle(
      `Content-Type: text/plain\r\nContent-Length: ${bodyBytes}`,
      piece,
      Math.floor(bodyBytes / pieceBytes),
    ),
  "bodies in chunks": () =>
    trickle("Content-Type: text/plain\r\nTransfer-Encoding: chunked", chunk, linePieces),
  "half lines": () =>
    trickle("Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked", chunk, linePieces),
};

for (const [kind, begin] of Object.entries(kinds))
  for (const end of ["leave", "end"])
    test(`${crowd} clients trickle ${kind}, and ${end} at once`, async () => {
      const before = residentMb();
      for (let at = 0; at < crowd; at++) begin();
      const during = await watch(watchSeconds);
      if (end === "leave") for (const socket of sockets) socket.destroy();
      else for (const socket of sockets) socket.end("0\r\n\r\n");
      const after = await watch(watchSeconds / 2);
      const mostMb = Math.max(during.mostMb, after.mostMb);
      console.log(
        `${kind}, ${end}: ${before} MB before, ${mostMb} MB at most; another waited ` +
          `${Math.round(during.longestMs)} ms at most, then ${Math.round(after.longestMs)} ms`,
      );
      expect(mostMb - before).toBeLessThan(grownMaxMb);
      expect(Math.max(during.longestMs, after.longestMs)).toBeLessThan(otherMaxMs);
    }, 60_000);
