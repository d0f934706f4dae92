/**
 * kedge on Deno: the same black-box suites that it passes on Bun, against a node that Deno runs.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, spawnNode } from "../chaos/node-process.ts";
import type { HttpDoor } from "../conformance/http-door.ts";
import { httpSuites } from "../conformance/http-suites.ts";
import { wireSuite } from "../conformance/http-wire.ts";
import { socketSuite } from "../conformance/http-ws.ts";
import { kafkaAdminSuites, kafkaSuites, quickGroups } from "../conformance/kafka-suites.ts";
import { nodeSuite } from "../conformance/node-suite.ts";
import { denoBinary } from "./deno-binary.ts";

const directory = mkdtempSync(join(tmpdir(), "kedge-on-deno-"));
let node: NodeProcess | null = null;
let url: URL;
let kafka = "";

beforeAll(async () => {
  const port = await freePort();
  url = new URL(`http://127.0.0.1:${port}`);
  kafka = `127.0.0.1:${await freePort()}`;
  const runtime = [await denoBinary(), "run", "-A"];
  node = spawnNode(directory, port, { runtime, kafka, flags: quickGroups });
  const startMs = await node.ready();
  console.log(`deno: ready after ${Math.round(startMs)} ms`);
}, 180_000);

afterAll(async () => {
  await node?.end("SIGKILL");
  rmSync(directory, { recursive: true });
});

const open = (): Promise<HttpDoor & { readonly url: URL }> =>
  Promise.resolve({
    url,
    fetch: (path, init) => fetch(new URL(path, url), init),
    close: () => Promise.resolve(),
  });

for (const suite of httpSuites) suite("on Deno", open);
for (const suite of [wireSuite, socketSuite]) suite("on Deno", open);
for (const suite of kafkaSuites)
  suite("on Deno", () => Promise.resolve({ address: kafka, close: () => Promise.resolve() }));
for (const suite of kafkaAdminSuites)
  suite("on Deno", () => Promise.resolve(Number(kafka.split(":")[1])));
nodeSuite("on Deno", async () => ({ runtime: [await denoBinary(), "run", "-A"] }));

test("on Deno: TERM ends the node cleanly, with a tail open", async () => {
  const body = JSON.stringify({ name: "last" });
  const headers = { "content-type": "application/json" };
  await fetch(new URL("/v1/topics", url), { method: "POST", body, headers });
  const tail = await fetch(new URL("/v1/tail?topic=last", url));
  const code = node?.end("SIGTERM");
  expect(await tail.text()).toContain('"reason":"stopping"');
  expect(await code).toBe(0);
}, 30_000);
