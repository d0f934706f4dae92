/**
 * Every example does what it says, against a real node.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { type NodeProcess, startNodeProcess } from "../conformance/node.ts";
import { run as runCommand } from "../peers/command.ts";
import { denoBinary } from "./deno-binary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const origin = "http://localhost:3000";
let node: NodeProcess;

beforeAll(async () => {
  node = await startNodeProcess({ args: ["--cors-origin", origin] });
});

afterAll(() => node.close());

function run(command: readonly string[], env: Record<string, string> = {}) {
  return runCommand(command, { cwd: root, env });
}

test("hello-bun says hello, and again", async () => {
  const env = { KEDGE_URL: node.url.origin };
  const first = await run(["bun", "examples/hello-bun/hello.ts"], env);
  expect([first.code, first.err]).toEqual([0, ""]);
  expect(first.out).toContain("Ada says hello, log\n");
  const second = await run(["bun", "examples/hello-bun/hello.ts"], env);
  expect(second.out.trim().split("\n").length).toBe(4);
}, 30_000);

test("deno follows what was said", async () => {
  const flags = ["--no-config", "--allow-net", "--allow-env=KEDGE_URL"];
  const script = ["examples/deno/follow.ts", "greetings", "4"];
  const ran = await run([await denoBinary(), "run", ...flags, ...script], {
    KEDGE_URL: node.url.origin,
  });
  expect([ran.code, ran.out.trim().split("\n").length]).toEqual([0, 4]);
  expect(ran.out).toContain('"from":"Ada"');
}, 120_000);

test("the page's requests are allowed from its origin, and from no other", async () => {
  const page = await Bun.file(`${root}examples/browser/index.html`).text();
  expect(page).toContain("/v1/topics/${topic}/records?create=true");
  const append = (from: string, method: string) =>
    fetch(`${node.url.origin}/v1/topics/page/records?create=true`, {
      method,
      headers: {
        origin: from,
        "content-type": "application/json",
        "idempotency-key": crypto.randomUUID(),
        ...(method === "OPTIONS"
          ? {
              "access-control-request-method": "POST",
              "access-control-request-headers": "content-type,idempotency-key",
            }
          : {}),
      },
      ...(method === "POST" ? { body: JSON.stringify({ records: [{ value: "hi" }] }) } : {}),
    });
  const preflight = await append(origin, "OPTIONS");
  expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
  expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain(
    "idempotency-key",
  );
  expect((await append(origin, "POST")).status).toBe(200);
  expect((await append("http://evil.example", "POST")).status).toBe(403);
  const stop = new AbortController();
  const events = await fetch(`${node.url.origin}/v1/tail?topic=page&from=earliest`, {
    headers: { origin },
    signal: stop.signal,
  });
  expect(events.headers.get("access-control-allow-origin")).toBe(origin);
  expect(events.headers.get("content-type")).toContain("text/event-stream");
  stop.abort();
}, 30_000);

test("flights: what comes out is what went in, per key in order", async () => {
  const ran = await run(["bun", "examples/flights/flights.ts"]);
  console.log(ran.out);
  expect([ran.code, ran.out]).toEqual([
    0,
    expect.stringContaining("What came out is what went in."),
  ]);
  for (const how of ["produced", "live by events", "live by long poll", "again from the beginning"])
    expect(ran.out).toMatch(new RegExp(`flights-\\d+: 200,000 ${how}`));
}, 240_000);
