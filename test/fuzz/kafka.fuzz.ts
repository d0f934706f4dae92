/**
 * 50,000 frames of Kafka's protocol, most of them damaged, against a node's own process: it does not end, does not stall,
 * keeps its memory, and what is whole is still answered in between; the log of another topic stays what it was.
 *
 * `FUZZ_SEED=N` runs one other seed, `FUZZ_CASES=N` another number of cases.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiVersions } from "../../src/kafka/apis/18-api-versions.ts";
import { memoryMb } from "../bench/proc.ts";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, spawnNode } from "../chaos/node-process.ts";
import { connectKafka, type KafkaConnection } from "../conformance/kafka-connection.ts";
import { dice } from "../peers/random-message.ts";
import { fuzzPartitions, fuzzTopics } from "./kafka-names.ts";
import { type Mutant, mutantFrame } from "./kafka-mutants.ts";

const given = process.env["FUZZ_SEED"];
const seeds = given ? [Number(given)] : [1, 2, 3, 4, 5];
const cases = Number(process.env["FUZZ_CASES"] ?? 10_000);
const atOnce = 50;
/** How long an answer may be waited for; what is cut off never gets one. */
const patienceMs = 25;
const stallMsMax = 100;
/** What stalls the node does so each time; what the machine does to it does not come again with the same frames. */
const triesMax = 10;
const memoryMbMax = 400;

const directory = mkdtempSync(join(tmpdir(), "kedge-kafka-fuzz-"));
let http = 0;
let kafka = 0;
let node: NodeProcess;
let probe: KafkaConnection;

beforeAll(async () => {
  http = await freePort();
  kafka = await freePort();
  node = spawnNode(directory, http, { kafka: `127.0.0.1:${kafka}` });
  await node.ready();
  for (const name of [...fuzzTopics, "witness"]) {
    const configs = name === "fuzz-compact" ? { "cleanup.policy": "compact" } : {};
    const partitions = name === "witness" ? 1 : fuzzPartitions;
    const body = JSON.stringify({ name, partitions, configs });
    await fetch(`http://127.0.0.1:${http}/v1/topics`, { method: "POST", body });
  }
  await fetch(`http://127.0.0.1:${http}/v1/topics/witness/records`, { method: "POST", body: "I" });
  probe = await connectKafka(`127.0.0.1:${kafka}`);
});

afterAll(async () => {
  probe?.close();
  await node.end("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

for (const seed of seeds)
  test(`${cases} frames, seed ${seed}`, async () => {
    const roll = dice(seed);
    let [answered, closed, worstMs] = [0, 0, 0];
    for (let sent = 0; sent < cases; sent += atOnce) {
      const mutants = Array.from({ length: atOnce }, () => mutantFrame(roll));
      let stallMs = Infinity;
      for (let tries = 0; stallMs >= stallMsMax && tries < triesMax; tries += 1) {
        const outcomes = await Promise.all(mutants.map((mutant) => exchange(mutant)));
        answered += outcomes.filter((outcome) => outcome === "answered").length;
        closed += outcomes.filter((outcome) => outcome === "closed").length;
        stallMs = Math.min(stallMs, await probeMs());
      }
      worstMs = Math.max(worstMs, stallMs);
      expect(node.child.exitCode).toBeNull();
    }
    const heldMb = memoryMb(node.child.pid).now;
    console.log(
      `seed ${seed}: ${answered} answered, ${closed} closed, worst ${Math.round(worstMs)} ms, ${Math.round(heldMb)} MB`,
    );
    expect(worstMs).toBeLessThan(stallMsMax);
    // Both must occur, else the mutants say nothing.
    expect(answered).toBeGreaterThan(cases / 20);
    expect(closed).toBeGreaterThan(cases / 20);
    expect(heldMb).toBeLessThan(memoryMbMax);
    const witness = await fetch(`http://127.0.0.1:${http}/v1/topics/witness/partitions/0/records`);
    const { records } = (await witness.json()) as { records: readonly { value: unknown }[] };
    expect(records.map(({ value }) => value)).toEqual(["I"]);
  }, 120_000);

/** How long another client waits for its answer. */
async function probeMs(): Promise<number> {
  const started = performance.now();
  const alive = await probe.send(apiVersions, 3, {
    clientSoftwareName: "fuzz",
    clientSoftwareVersion: "1",
  });
  expect(alive.errorCode).toBe(0);
  return performance.now() - started;
}

/** Whether something came back, or the connection ended, before patience did. */
function exchange({ bytes }: Mutant): Promise<"answered" | "closed" | "silent"> {
  return new Promise((resolve) => {
    let outcome: "answered" | "closed" | "silent" = "silent";
    const socket = connect(kafka, "127.0.0.1", () => socket.write(bytes));
    const timer = setTimeout(() => socket.destroy(), patienceMs);
    socket.on("data", () => {
      outcome = "answered";
      socket.destroy();
    });
    socket.on("end", () => {
      if (outcome === "silent") outcome = "closed";
    });
    socket.on("error", () => {
      if (outcome === "silent") outcome = "closed";
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(outcome);
    });
  });
}
