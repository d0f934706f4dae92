/**
 * Starts and stops the servers that a bench measures, each a process of its own on a port of its own.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Wire } from "./wire.ts";

export interface Server {
  readonly pid: number;
  readonly port: number;
  readonly directory: string;
  /** Asks it to end, and gives its exit code. */
  stop(): Promise<number>;
  /** Ends it without asking. */
  kill(): Promise<void>;
}

export type Command = (port: number, directory: string) => readonly string[];

/** What is fetched for a bench stays here between runs; never a dependency of kedge. */
export const cacheDirectory = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "kedge-bench",
);

const startTimeoutMs = 20_000;
const stopTimeoutMs = 20_000;

/** A fresh folder on the disk that the bench is about; `/tmp` would be memory on many machines. */
export async function scratchDirectory(name: string): Promise<string> {
  const parent = process.env["KEDGE_BENCH_DIR"] ?? join(cacheDirectory, "runs");
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, `${name}-`));
}

const portsGiven = new Set<number>();
/** Suites that run side by side (`test/ci/main.ts`) take every second place each. */
const lane = Number(process.env["TEST_LANE"] ?? 0) % 2;

/**
 * A port that was free a moment ago, as were the three behind it, for who needs some. It lies below those that systems give
 * to connections (from 32,768 on), so that none of these takes it before its server does; who asks twice before anybody
 * listens is given two.
 */
export async function freePort(): Promise<number> {
  for (let tries = 100; tries > 0; tries--) {
    const port = 10_000 + 4 * (2 * Math.floor(Math.random() * 2_750) + lane);
    if (portsGiven.has(port) || !(await isFree(port))) continue;
    portsGiven.add(port);
    return port;
  }
  throw new Error("there is no free port between 10,000 and 32,000");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** Tries to connect until it works or the process has ended. */
export async function waitForPort(port: number, process: Subprocess): Promise<void> {
  const until = performance.now() + startTimeoutMs;
  for (;;) {
    try {
      (await Wire.connect(port)).close();
      return;
    } catch (error) {
      if (process.exitCode !== null || performance.now() > until) throw error;
      await Bun.sleep(5);
    }
  }
}

export interface StartOptions {
  readonly cwd?: string;
  /** Kept when the server stops, else a fresh one that goes with it. */
  readonly directory?: string;
  readonly waitForDoor?: boolean;
}

export async function startServer(
  name: string,
  command: Command,
  { cwd, directory: kept, waitForDoor = true }: StartOptions = {},
): Promise<Server> {
  const directory = kept ?? (await scratchDirectory(name));
  const port = await freePort();
  const child = Bun.spawn([...command(port, directory)], {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: Bun.file(join(directory, "..", `${name}.out.txt`)),
    stderr: Bun.file(join(directory, "..", `${name}.err.txt`)),
  });
  const gone = async (): Promise<void> => {
    await child.exited;
    if (kept === undefined) await rm(directory, { recursive: true, force: true });
  };
  if (waitForDoor) {
    try {
      await waitForPort(port, child);
    } catch (error) {
      child.kill("SIGKILL");
      const said = await Bun.file(join(directory, "..", `${name}.err.txt`)).text();
      await gone();
      throw new Error(`${name} did not open its door: ${said.slice(-1000)}`, { cause: error });
    }
  }
  return {
    pid: child.pid,
    port,
    directory,
    async stop() {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
      await gone();
      clearTimeout(late);
      return child.exitCode ?? -1;
    },
    async kill() {
      child.kill("SIGKILL");
      await gone();
    },
  };
}
