/**
 * The client outside of Bun: type-checked with nothing but the web's own types, bundled for browsers, run by Node 20 and
 * Deno against a real node.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NodeProcess, startNodeProcess } from "../conformance/node.ts";
import { run as runCommand } from "../peers/command.ts";
import { roundTrip, wholeTrip } from "./client/round-trip.ts";
import { denoBinary } from "./deno-binary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

let folder: string;
let node: NodeProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kedge-client-"));
  node = await startNodeProcess();
});

afterAll(async () => {
  await node.close();
  await rm(folder, { recursive: true });
});

async function run(command: readonly string[]): Promise<{ code: number; out: string }> {
  const { code, out, err } = await runCommand(command, { cwd: root });
  return { code, out: out + err };
}

test("it type-checks with the web's types alone, as strictly as we do", async () => {
  const flags =
    "--noEmit --strict --noUncheckedIndexedAccess --exactOptionalPropertyTypes --erasableSyntaxOnly " +
    "--isolatedModules --verbatimModuleSyntax --allowImportingTsExtensions --ignoreConfig " +
    "--target es2022 --module esnext --moduleResolution bundler --lib es2023,dom,dom.iterable";
  const checked = await run([
    "bun",
    "x",
    "tsc",
    ...flags.split(" "),
    "--types",
    "",
    "src/client/client.ts",
  ]);
  expect(checked).toEqual({ code: 0, out: "" });
});

test("it bundles for browsers into one small file without a dependency", async () => {
  const file = join(folder, "client.js");
  const built = await run(
    `bun build --target browser --minify --outfile ${file} src/client/client.ts`.split(" "),
  );
  expect([built.code, built.out]).toEqual([0, expect.any(String)]);
  const text = await Bun.file(file).text();
  const foreign = /\bBun\.|"node:|require\(|\bprocess\.|\bBuffer\b|\.toBase64|\.fromBase64/;
  expect(foreign.exec(text)?.[0]).toBeUndefined();
  expect(Bun.gzipSync(text).length).toBeLessThan(12_000);
});

test("it works in Bun over sockets", async () => {
  expect(await roundTrip(node.url.href, "from-bun")).toEqual(wholeTrip);
});

test("it works in Node 20", async () => {
  const version = await run(["node", "--version"]);
  expect(version.out).toMatch(/^v(2\d|[3-9]\d)\./);
  const file = join(folder, "main.mjs");
  const built = await run(
    `bun build --target node --outfile ${file} test/interop/client/main.ts`.split(" "),
  );
  expect([built.code, built.out]).toEqual([0, expect.any(String)]);
  const ran = await run(["node", file, node.url.href, "from-node"]);
  expect([ran.code, ran.out]).toEqual([0, expect.stringContaining("{")]);
  expect(JSON.parse(ran.out)).toEqual(wholeTrip);
}, 60_000);

/** A project of its own that installed the packed client, which brings nothing with it. */
async function projectWithPackage(): Promise<string> {
  const project = join(folder, "project");
  await mkdir(project, { recursive: true });
  const packed = await run(["bun", "run", "pack:client"]);
  expect([packed.code, packed.out]).toEqual([0, expect.any(String)]);
  const { version } = await Bun.file(join(root, "package.json")).json();
  const tarball = join(root, "dist", `kedge-${version}.tgz`);
  await Bun.write(join(project, "package.json"), '{ "type": "module" }');
  const flags = ["--offline", "--engine-strict", "--no-audit", "--no-fund", "--prefix", project];
  const installed = await run(["npm", "install", ...flags, tarball]);
  expect([installed.code, installed.out]).toEqual([0, expect.any(String)]);
  const packages = await readdir(join(project, "node_modules"));
  expect(packages.filter((name) => !name.startsWith("."))).toEqual(["kedge"]);
  await Bun.write(
    join(project, "app.ts"),
    `import { Kedge } from "kedge/client";
const [url = "", name = ""] = process.argv.slice(2);
const kedge = new Kedge({ url });
await kedge.createTopic({ name });
const topic = kedge.topic(name);
await topic.produce({ key: "anna", value: "two coffees" });
for await (const { key, value } of topic.records()) console.log(JSON.stringify([key, value]));
declare const process: { argv: string[] };
`,
  );
  return project;
}

test("packed, it installs alone and is a library for Node and for TypeScript without any setting of ours", async () => {
  const project = await projectWithPackage();
  const flags = "--strict --target es2023 --lib es2023,dom --skipLibCheck false --ignoreConfig";
  for (const way of ["--module nodenext", "--module esnext --moduleResolution bundler"]) {
    const command = ["bun", "x", "tsc", ...`${flags} ${way} --types`.split(" "), ""];
    const compiled = await run([...command, join(project, "app.ts")]);
    expect(compiled).toEqual({ code: 0, out: "" });
  }
  const ran = await run(["node", join(project, "app.js"), node.url.href, "from-package"]);
  expect(ran).toEqual({ code: 0, out: '["anna","two coffees"]\n' });
}, 60_000);

test("it works in Deno", async () => {
  const deno = await denoBinary();
  const script = "test/interop/client/main.ts";
  const command = [deno, "run", "--no-config", "--allow-net", script, node.url.href, "from-deno"];
  const ran = await run(command);
  expect([ran.code, ran.out]).toEqual([0, expect.stringContaining("{")]);
  expect(JSON.parse(ran.out.slice(ran.out.indexOf("{")))).toEqual(wholeTrip);
}, 120_000);
