/**
 * schemathesis over `/openapi.json` against a running node: no 5xx, nothing outside the document, no invalid request taken.
 *
 * The same cases each time; installs schemathesis into a virtual environment of its own when it is not there. Streams without an end
 * (`/v1/tail`, `/v1/ws`) are left out: a reader of whole answers would wait for ever.
 *
 * `KEDGE_URL` points it at another node, `SCHEMATHESIS_SEED` at other cases.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { type NodeProcess, spawnNode } from "../chaos/node-process.ts";

const VERSION = "4.32.5";
/** Cases a route, in each of the ways that they are made. */
const EXAMPLES = Number(process.env["SCHEMATHESIS_EXAMPLES"] ?? 60);
const hooks = join(import.meta.dir, "schemathesis_hooks.py");
const environment = join(tmpdir(), `kedge-schemathesis-${VERSION}`);
const python = Bun.which("python3");

if (!python) console.error("schemathesis is left out: there is no python3");

let node: NodeProcess | null = null;
let url = process.env["KEDGE_URL"] ?? "";
let directory = "";

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kedge-schemathesis-run-"));
  if (url !== "") return;
  const port = await freePort();
  node = spawnNode(directory, port);
  await node.ready();
  url = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  await node?.end("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

async function run(command: string[], env: Record<string, string> = {}): Promise<number> {
  const child = Bun.spawn(command, {
    cwd: directory,
    env: { ...process.env, ...env },
    stdout: "inherit",
    stderr: "inherit",
  });
  return child.exited;
}

async function install(from: string): Promise<string> {
  const bin = join(environment, "bin");
  if (!existsSync(join(bin, "schemathesis"))) {
    expect(await run([from, "-m", "venv", environment])).toBe(0);
    expect(await run([join(bin, "pip"), "install", "-q", `schemathesis==${VERSION}`])).toBe(0);
  }
  return join(bin, "schemathesis");
}

test.skipIf(!python)(
  "no 5xx, and no answer outside the document",
  async () => {
    const schemathesis = await install(python ?? "");
    for (let number = 0; number < 4; number++) {
      const body = JSON.stringify({ name: `st-${number}`, partitions: 2 });
      const headers = { "content-type": "application/json" };
      await fetch(new URL("/v1/topics", url), { method: "POST", body, headers });
      const records = new URL(`/v1/topics/st-${number}/partitions/0/records`, url);
      for (const value of ["a", '{"n":1}', "\u0000"])
        await fetch(records, { method: "POST", body: value });
    }
    const options = {
      phases: "coverage,fuzzing",
      mode: "all",
      checks: "all",
      // Whether a valid request succeeds depends on what is in the log; the token is off here.
      "exclude-checks": "positive_data_acceptance,ignored_auth",
      // Streams that do not end.
      "exclude-path-regex": "^/v1/(tail|ws|groups/[^/]+/stream)",
      // By number, not by time: a faster machine would be asked more than a slower one.
      "max-examples": EXAMPLES,
      // A long poll may wait for 25 s.
      "request-timeout": 60,
      "max-response-time": 40,
      // One thread: Python before 3.11.5 parses source wrongly on two at once (cpython 106905).
      workers: 1,
      warnings: "off",
      seed: Number(process.env["SCHEMATHESIS_SEED"] ?? 1),
    };
    const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const document = new URL("/openapi.json", url).href;
    const code = await run([schemathesis, "run", document, "--continue-on-failure", ...flags], {
      SCHEMATHESIS_HOOKS: hooks,
      PYTHONDONTWRITEBYTECODE: "1",
    });
    expect(code).toBe(0);
  },
  { timeout: 320_000 },
);
