/**
 * A real node in a process of its own, for tests from outside: started as a user starts it, on a free port, in a folder of
 * its own unless told, and killed in whatever way the test likes.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spawn } from "bun";
import type { HttpDoor } from "./http-door.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface NodeOptions {
  /** Kept when the node closes; a fresh folder otherwise, gone with it. */
  readonly data?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What runs `src/main.ts`; this process's own runtime unless told. */
  readonly runtime?: readonly string[];
}

export interface NodeProcess extends HttpDoor {
  readonly url: URL;
  /** Where Kafka clients connect: the first listener's HOST:PORT. */
  readonly kafka: string;
  /** The first lines that it has said. */
  readonly banner: string;
  readonly pid: number;
  readonly data: string;
  /** Sends the signal, waits for the end, gives the exit code. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGUSR2"): Promise<number>;
  /** What it has written to stderr so far. */
  errors(): string;
  /** Kills it and removes its folder. */
  close(): Promise<void>;
}

/** A folder for nodes that come and go; `remove` when done. */
export async function nodeFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "kedge-node-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Resolves once the node says where it listens; rejects with what it said when it ends instead. */
export async function startNodeProcess(options: NodeOptions = {}): Promise<NodeProcess> {
  const folder = options.data === undefined ? await nodeFolder() : null;
  const data = options.data ?? folder?.path ?? "";
  const child = spawnServe(
    ["--data", data, "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0", ...(options.args ?? [])],
    options,
  );
  const errors = gather(child.stderr);
  const addresses = await listeningAt(child.stdout);
  if (addresses === null) {
    await child.exited;
    await folder?.remove();
    throw new Error(`the node ended with ${child.exitCode}: ${errors()}`);
  }
  const end: NodeProcess["end"] = (signal) => {
    child.kill(signal);
    return child.exited;
  };
  const { url } = addresses;
  return {
    ...addresses,
    pid: child.pid,
    data,
    end,
    errors,
    fetch: (path, init) => fetch(new URL(path, url), init),
    async close() {
      await end("SIGKILL");
      await folder?.remove();
    },
  };
}

/** Runs `serve` to its end: for starts that are to fail. */
export async function runServe(
  args: readonly string[],
  options: NodeOptions = {},
): Promise<{ code: number; errors: string }> {
  const child = spawnServe(args, options);
  const errors = gather(child.stderr);
  const code = await child.exited;
  return { code, errors: errors() };
}

function spawnServe(args: readonly string[], { runtime, env }: NodeOptions) {
  return spawn([...(runtime ?? [process.execPath]), join(root, "src/main.ts"), "serve", ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Reads a stream as it comes; gives what there is so far. */
function gather(stream: ReadableStream<Uint8Array>): () => string {
  let text = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  })();
  return () => text;
}

/** The addresses in the banner's first lines; null when the stream ends before. */
async function listeningAt(
  stdout: ReadableStream<Uint8Array>,
): Promise<{ url: URL; kafka: string; banner: string } | null> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = stdout.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return null;
    text += decoder.decode(value, { stream: true });
    const [, url] = /is listening on (\S+)\n/.exec(text) ?? [];
    if (url === undefined || !/\ncluster /.test(text)) continue;
    // Nobody reads the rest: a banner fits into the pipe.
    reader.releaseLock();
    const [, kafka = ""] = /\nKafka clients connect to (\S+)/.exec(text) ?? [];
    return { url: new URL(url), kafka, banner: text };
  }
}
