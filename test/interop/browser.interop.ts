/**
 * The client and the example page in a real browser, from an origin that the node was told of.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Subprocess } from "bun";
import { Kedge } from "../../src/client/client.ts";
import { type NodeProcess, startNodeProcess } from "../conformance/node.ts";
import { chromiumBinary } from "./chromium-binary.ts";
import { wholeTrip } from "./client/round-trip.ts";

// Installing a browser takes its time.
setDefaultTimeout(240_000);

// What it would fetch from elsewhere it leaves, and a container's shared memory is small.
const flags = [
  "--headless=new",
  "--no-sandbox",
  "--no-first-run",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--remote-debugging-port=0",
];
const startMsMax = 40_000;
const endMsMax = 5_000;
const triesMax = 4;

const root = fileURLToPath(new URL("../../", import.meta.url));
const chromium = await chromiumBinary();
const inBrowser = test.skipIf(chromium === null);

let folder: string;
let node: NodeProcess;
let seen: (value: unknown) => void = () => {};
let asked: () => void = () => {};
let pages: Bun.Server<undefined>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kedge-browser-"));
  const built = await Bun.build({
    entrypoints: [`${root}test/interop/client/page.ts`],
    target: "browser",
  });
  const script = (await built.outputs[0]?.text()) ?? "";
  pages = Bun.serve({
    port: 0,
    hostname: "localhost",
    async fetch(request) {
      const { pathname } = new URL(request.url);
      asked();
      if (pathname === "/seen") {
        seen(await request.json());
        return new Response();
      }
      if (pathname === "/example")
        return new Response(Bun.file(`${root}examples/browser/index.html`));
      const page = `<!doctype html><script type="module">${script}</script>`;
      return new Response(page, { headers: { "content-type": "text/html" } });
    },
  });
  node = await startNodeProcess({ args: ["--cors-origin", `http://localhost:${pages.port}`] });
});

afterAll(async () => {
  await node.close();
  await pages.stop(true);
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

/** A browser that has asked for its page. One that crashes or hangs as it starts is no fault of ours: another is tried. */
async function open(path: string): Promise<Subprocess> {
  const url = `http://localhost:${pages.port}${path}?node=${node.url.origin}`;
  for (let tries = 1; ; tries += 1) {
    const came = new Promise<"came">((resolve) => {
      asked = () => resolve("came");
    });
    const profile = `--user-data-dir=${join(folder, crypto.randomUUID())}`;
    const browser = Bun.spawn([chromium ?? "", ...flags, profile, url], {
      stdout: "ignore",
      stderr: "ignore",
    });
    const how = await Promise.race([came, browser.exited, Bun.sleep(startMsMax)]);
    if (how === "came") return browser;
    await close(browser);
    if (tries === triesMax) throw new Error(`the browser asked for no page in ${tries} tries`);
  }
}

async function close(browser: Subprocess): Promise<void> {
  browser.kill();
  await Promise.race([browser.exited, Bun.sleep(endMsMax)]);
  browser.kill("SIGKILL");
  await browser.exited;
}

inBrowser("the client works in a page", async () => {
  const answer = new Promise((resolve) => {
    seen = resolve;
  });
  const browser = await open("/");
  try {
    expect(await answer).toEqual(wholeTrip);
  } finally {
    await close(browser);
  }
});

inBrowser("the example page appends to its topic", async () => {
  const kedge = new Kedge({ url: node.url });
  await kedge.createTopic({ name: "page" });
  const browser = await open("/example");
  try {
    for await (const { value } of kedge.topic("page").records({ follow: true })) {
      expect(value).toBe("a page was opened");
      break;
    }
  } finally {
    await close(browser);
  }
});
