/**
 * 5,000 damaged requests over five seeds against a node's own process: it answers, says no 5xx, does not stall and does not
 * end; a refusal of its own is always a problem document.
 *
 * `FUZZ_SEED=N` runs one other seed.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../../src/lib/random.ts";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, spawnNode } from "../chaos/node-process.ts";
import { mutantRequest } from "./http-mutants.ts";

const given = process.env["FUZZ_SEED"];
const seeds = given ? [Number(given)] : [1, 2, 3, 4, 5];
const requests = 1_000;
const atOnce = 24;
/** How long an answer may be waited for; a request cut by damage never gets one. */
const patienceMs = 120;
/** The same of a whole request, whose connection ends with its answer. */
const wholePatienceMs = 10_000;
/** Generous: the machine is shared, and a stall worth finding takes seconds. */
const stallMsMax = 1_000;

const directory = mkdtempSync(join(tmpdir(), "kedge-fuzz-"));
let port = 0;
let node: NodeProcess;

beforeAll(async () => {
  port = await freePort();
  node = spawnNode(directory, port);
  await node.ready();
  await fetch(`http://127.0.0.1:${port}/v1/topics`, { method: "POST", body: '{"name":"fuzz"}' });
});

afterAll(async () => {
  await node.end("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

for (const seed of seeds)
  test(`${requests} damaged requests, seed ${seed}`, async () => {
    const random = seededRandom(seed);
    const statuses = new Map<number, number>();
    let worstMs = 0;
    for (let sent = 0; sent < requests; sent += atOnce) {
      const batch = Array.from({ length: atOnce }, () => mutantRequest(random));
      const answers = await Promise.all(batch.map((bytes) => exchange(bytes)));
      const started = performance.now();
      const alive = await fetch(`http://127.0.0.1:${port}/livez`);
      worstMs = Math.max(worstMs, performance.now() - started);
      expect(alive.status).toBe(200);
      for (const [index, answer] of answers.entries())
        judge(
          answer,
          statuses,
          `seed ${seed}: ${JSON.stringify(batch[index]?.toString("latin1"))}`,
        );
    }
    const [taken = 0, refused = 0] = [statuses.get(200), statuses.get(400)];
    console.log(
      `seed ${seed}: ${taken} of 200, ${refused} of 400, worst ${Math.round(worstMs)} ms`,
    );
    expect(node.child.exitCode).toBeNull();
    expect(worstMs).toBeLessThan(stallMsMax);
    // Both kinds must occur, else the mutants say nothing.
    expect(taken).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  }, 30_000);

for (const host of ["evil.example@127.0.0.1", "evil example", ""])
  test(`the host "${host}" is none, whatever the query holds`, async () => {
    const head = `POST /v1/topics/fuzz/records?key=//localhost/ HTTP/1.1\r\nHost: ${host}\r\n`;
    const rest = "Connection: close\r\nContent-Length: 1\r\n\r\na";
    const answer = await exchange(Buffer.from(head + rest), wholePatienceMs);
    expect(answer).toStartWith("HTTP/1.1 421 ");
  });

function judge(answer: string, statuses: Map<number, number>, request: string): void {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return; // Cut by its damage: still waiting, or closed without a word.
  const head = answer.slice(0, end).toLowerCase();
  const status = Number(head.slice(9, 12));
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  if (status < 400) return;
  const ours = head.includes("\r\nrequest-id:");
  // 505 is the runtime's word for a request line that it cannot read; it bears no request id.
  const isFine = ours
    ? status < 500 && head.includes("application/problem+json")
    : status < 500 || status === 505;
  if (!isFine) throw new Error(`${answer}\nto ${request}`);
}

/** What comes back until the connection ends or patience does. */
function exchange(bytes: Buffer, waitMs = patienceMs): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), waitMs);
    socket.on("data", (piece) => {
      if (text.length < 10_000) text += piece.toString("latin1");
    });
    socket.on("error", () => {}); // A cut is an answer too.
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
