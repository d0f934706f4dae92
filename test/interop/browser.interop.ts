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

const root = fileURLToPath(new URL("../../", import.meta.url));
const chromium = await chromiumBinary();
const inBrowser = test.skipIf(chromium === null);

let folder: string;
let node: NodeProcess;
let seen: (value: unknown) => void = () => {};
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
  await rm(folder, { recursive: true, force: true });
});

function open(path: string): Subprocess {
  const profile = join(folder, crypto.randomUUID());
  const url = `http://localhost:${pages.port}${path}?node=${node.url.origin}`;
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"];
  const command = [chromium ?? "", ...flags, `--user-data-dir=${profile}`, url];
  return Bun.spawn(command, { stdout: "ignore", stderr: "ignore" });
}

inBrowser("the client works in a page", async () => {
  const answer = new Promise((resolve) => {
    seen = resolve;
  });
  const browser = open("/");
  try {
    expect(await answer).toEqual(wholeTrip);
  } finally {
    browser.kill();
    await browser.exited;
  }
});

inBrowser("the example page appends to its topic", async () => {
  const kedge = new Kedge({ url: node.url });
  await kedge.createTopic({ name: "page" });
  const browser = open("/example");
  try {
    for await (const { value } of kedge.topic("page").records({ follow: true })) {
      expect(value).toBe("a page was opened");
      break;
    }
  } finally {
    browser.kill();
    await browser.exited;
  }
});
