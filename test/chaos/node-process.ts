/**
 * A node as a process of its own, to be killed: on the same port and folder at every start, so that clients find it again.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Subprocess } from "bun";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const readyTimeoutMs = 20_000;

export interface NodeProcess {
  readonly child: Subprocess;
  /** From spawning to the first 200 of `/readyz`, in milliseconds. */
  ready(): Promise<number>;
  /** Sends the signal and gives the exit code once it is gone; null where a signal ended it. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null>;
}

/** Starts `kedge serve` on Bun or as `runtime` says; what it says goes to `node.log` beside the data folder. */
export function spawnNode(
  directory: string,
  port: number,
  {
    data = join(directory, "data"),
    runtime = [process.execPath],
    kafka = "none",
    flags = [],
  }: { data?: string; runtime?: readonly string[]; kafka?: string; flags?: readonly string[] } = {},
): NodeProcess {
  const started = performance.now();
  const log = join(directory, "node.log");
  const command = ["serve", "--data", data, "--http", `127.0.0.1:${port}`, "--kafka", kafka];
  const child = Bun.spawn([...runtime, join(root, "src/main.ts"), ...command, ...flags], {
    cwd: directory,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const logged = copyTo(log, child.stderr);
  return {
    child,
    async ready() {
      for (;;) {
        const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
        if (answer?.status === 200) return performance.now() - started;
        if (child.exitCode !== null)
          throw new Error(`the node ended with ${child.exitCode} as it started; see ${log}`);
        if (performance.now() - started > readyTimeoutMs)
          throw new Error(`the node is not ready after ${readyTimeoutMs} ms; see ${log}`);
        await Bun.sleep(5);
      }
    },
    async end(signal) {
      child.kill(signal);
      await child.exited;
      await logged;
      return child.exitCode;
    },
  };
}

async function copyTo(path: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  for await (const piece of stream) appendFileSync(path, piece);
}
