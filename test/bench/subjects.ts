/**
 * Who is measured: kedge, the two Durable Streams servers, and what the machine gives without a log behind it.
 *
 * A subject says how it is started and how its dialect makes a log, appends to it, reads it and follows it. The peers are
 * fetched into a cache folder with pinned versions the first time; one that cannot be had is left out, with the reason.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reads } from "./jobs.ts";
import {
  cacheDirectory,
  type Command,
  type Server,
  startServer,
  type StartOptions,
} from "./server.ts";
import { encodeRequest, Wire } from "./wire.ts";

export interface Write {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Subject {
  readonly name: string;
  start(options?: StartOptions): Promise<Server>;
  /** Makes an empty log. */
  create(server: Server, log: string): Promise<void>;
  /** How one body is appended as one record. */
  append(log: string): Write;
  /** How a log is read from its beginning; null when it cannot be read at all. */
  readonly read: ((log: string) => Reads) | null;
  readonly longPoll: ((log: string) => Reads) | null;
  readonly sse: ((log: string) => Reads) | null;
}

/** A subject that this machine cannot have, and why. */
export interface LeftOut {
  readonly name: string;
  readonly because: string;
}

export const root = fileURLToPath(new URL("../../", import.meta.url));

const text = { "content-type": "text/plain" };
const rawBatches = { accept: "application/vnd.kafka.recordbatch" };

/** Sends one request and throws unless it is answered with 2xx. */
export async function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): Promise<string> {
  const wire = await Wire.connect(port);
  const answer = await wire.exchange(encodeRequest(method, path, headers, Buffer.from(body)));
  wire.close();
  if (answer.status > 299)
    throw new Error(`${method} ${path}: ${answer.head.split("\r\n")[0]} ${answer.body.toString()}`);
  return answer.body.toString();
}

export function partitionPath(topic: string, partition = 0): string {
  return `/v1/topics/${topic}/partitions/${partition}/records`;
}

export function createTopic(
  server: Server,
  name: string,
  partitions = 1,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const json = { "content-type": "application/json" };
  return ask(
    server.port,
    "POST",
    "/v1/topics",
    json,
    JSON.stringify({ name, partitions, configs }),
  );
}

const kedgeCommand: Command = (port, directory) => [
  process.execPath,
  join(root, "src/main.ts"),
  "serve",
  "--data",
  directory,
  "--http",
  `127.0.0.1:${port}`,
  "--kafka",
  "none",
];

/** How a topic's first partition is read, as raw batches or as JSON. */
export function kedgeReads(log: string, position: "batches" | "json"): Reads {
  return {
    path: `${partitionPath(log)}?from={next}&max_bytes=8388608&max_records=10000`,
    headers: position === "batches" ? rawBatches : {},
    from: "0",
    position,
  };
}

function kedgeWith(name: string, configs: Readonly<Record<string, string>>): Subject {
  return {
    name,
    start: (options) => startServer("kedge", kedgeCommand, options),
    create: async (server, log) => void (await createTopic(server, log, 1, configs)),
    append: (log) => ({ path: partitionPath(log), headers: text }),
    read: (log) => kedgeReads(log, "batches"),
    longPoll: (log) => ({
      path: `${partitionPath(log)}?from={next}&wait_ms=25000`,
      headers: {},
      from: "0",
      position: "json",
    }),
    sse: (log) => ({
      path: `/v1/tail?topic=${log}&from=latest`,
      headers: {},
      from: "latest",
      position: "json",
    }),
  };
}

export const kedge = kedgeWith("kedge", {});
export const kedgeRelaxed = kedgeWith("kedge, relaxed", { "kedge.durability": "relaxed" });

function durableStreams(name: string, command: Command, cwd?: string): Subject {
  const reads = (log: string, query: string, from: string): Reads => ({
    path: `/${log}?offset={next}${query}`,
    headers: {},
    from,
    position: "stream",
  });
  return {
    name,
    start: (options) =>
      startServer(
        name.replaceAll(" ", "-"),
        command,
        cwd === undefined ? options : { ...options, cwd },
      ),
    create: async (server, log) => void (await ask(server.port, "PUT", `/${log}`, text)),
    append: (log) => ({ path: `/${log}`, headers: text }),
    read: (log) => reads(log, "", "-1"),
    longPoll: (log) => reads(log, "&live=long-poll", "-1"),
    sse: (log) => reads(log, "&live=sse", "-1"),
  };
}

/** Takes an output whole and throws with it when the command fails. */
async function runTool(command: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${said.slice(-500)}`);
}

const referencePackages = { "@durable-streams/server": "0.3.7", lmdb: "3.5.6" };
const rustCrate = { name: "durable-streams", version: "0.1.5" };

/** The file-backed reference server on Node: each append is synced before its answer. */
async function reference(): Promise<Subject> {
  const home = join(cacheDirectory, "reference-0.3.7");
  if (!(await Bun.file(join(home, "node_modules/@durable-streams/server/package.json")).exists())) {
    await mkdir(home, { recursive: true });
    await Bun.write(
      join(home, "package.json"),
      JSON.stringify({ private: true, type: "module", dependencies: referencePackages }),
    );
    await runTool(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], home);
  }
  await Bun.write(
    join(home, "serve.mjs"),
    [
      'import { DurableStreamTestServer } from "@durable-streams/server";',
      "const [port, dataDir] = process.argv.slice(2);",
      'const options = { port: Number(port), host: "127.0.0.1", dataDir };',
      "const server = new DurableStreamTestServer(options);",
      "await server.start();",
      'process.on("SIGTERM", () => process.exit());',
    ].join("\n"),
  );
  return durableStreams(
    "reference",
    (port, directory) => ["node", "serve.mjs", String(port), directory],
    home,
  );
}

/** The Rust server with its write-ahead log, synced in groups before the answers. */
async function rust(): Promise<Subject> {
  const home = join(cacheDirectory, `rust-${rustCrate.version}`);
  const program = join(home, "bin/durable-streams-server");
  if (!(await Bun.file(program).exists())) {
    if (!Bun.which("cargo")) throw new Error("cargo is not on the PATH");
    await mkdir(home, { recursive: true });
    const { name, version } = rustCrate;
    console.error(`building ${name} ${version}, once, in ${home} …`);
    await runTool(["cargo", "install", name, "--version", version, "--root", home], home);
  }
  return durableStreams("rust", (port, directory) => [
    program,
    "--port",
    String(port),
    "--data-dir",
    directory,
  ]);
}

/** Echoes what is posted: the most that the runtime, or the framework on it, can do. */
export function echo(flavour: "bun" | "hono"): Subject {
  return ceiling(`${flavour} echo`, (port) => [
    process.execPath,
    join(root, "test/bench/echo.ts"),
    flavour,
    String(port),
  ]);
}

/** Hono, a Worker and a synced insert: the most that what kedge is made of can do. It has one log. */
export const bare: Subject = {
  ...ceiling("hono and libsql", (port, directory) => [
    process.execPath,
    join(root, "test/bench/bare.ts"),
    String(port),
    directory,
  ]),
  longPoll: () => ({
    path: `${partitionPath("echo")}?from={next}`,
    headers: {},
    from: "0",
    position: "batches",
  }),
  sse: () => ({ path: "/v1/tail", headers: {}, from: "latest", position: "batches" }),
};

function ceiling(name: string, command: Command): Subject {
  return {
    name,
    start: (options) => startServer(name.replaceAll(" ", "-"), command, options),
    create: async () => {},
    append: () => ({ path: partitionPath("echo"), headers: text }),
    read: null,
    longPoll: null,
    sse: null,
  };
}

/** The peers that this machine can have. */
export async function peers(): Promise<{ found: Subject[]; leftOut: LeftOut[] }> {
  const found: Subject[] = [];
  const leftOut: LeftOut[] = [];
  const makers: readonly [string, () => Promise<Subject>][] = [
    ["reference", reference],
    ["rust", rust],
  ];
  for (const [name, make] of makers) {
    try {
      found.push(await make());
    } catch (error) {
      leftOut.push({ name, because: String(error) });
    }
  }
  return { found, leftOut };
}
