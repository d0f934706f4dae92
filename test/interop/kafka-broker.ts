/**
 * A broker for the interop suites: kedge as a process of its own, or the real Apache Kafka. Both forget everything at the
 * end, and groups settle without Kafka's initial delay on both.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../bench/server.ts";
import { kafkaTool, startKafka } from "../peers/kafka.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface InteropBroker {
  readonly name: "kedge" | "Apache Kafka";
  readonly bootstrap: string;
  /** Where kedge serves HTTP; null for Apache Kafka. */
  readonly url: string | null;
  /** What it has written to its log since it was started last. */
  log(): Promise<string>;
  /** Ends it without asking and starts it again over the same data, on the same ports. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

const LOG = "node.log";
const logEndCharacters = 3_000;
const readyTimeoutMs = 60_000;
const toolTimeoutMs = 60_000;

/** Runs one of Kafka's own command-line tools by its class; gives what it said on both streams, and its exit code. */
export async function toolOf(
  name: string,
  words: readonly string[],
  input = "",
): Promise<{ code: number; output: string }> {
  const heap = "-Xmx128m -XX:TieredStopAtLevel=1";
  const { code, out, err } = await kafkaTool(name, words, {
    heap,
    input,
    timeoutMs: toolTimeoutMs,
  });
  return { code, output: `${out}\n${err}` };
}

/** Prints the end of each program's log in a folder: for a suite some of whose tests did not come to their end. */
export async function tellLogs(directory: string): Promise<void> {
  const logs = new Bun.Glob("*.{log,out,err}");
  for await (const name of logs.scan(directory)) {
    const text = await Bun.file(join(directory, name)).text();
    console.log(`== the end of ${name}:\n${text.slice(-logEndCharacters)}`);
  }
}

/** `settings` go into its server.properties. */
export async function startApacheKafka(
  settings: Readonly<Record<string, string>> = {},
): Promise<InteropBroker> {
  const kafka = await startKafka({ settings });
  return {
    name: "Apache Kafka",
    bootstrap: kafka.address,
    url: null,
    log: () => kafka.log(),
    crash: () => kafka.crash(),
    stop: () => kafka.close(),
  };
}

export async function startKedge(...flags: readonly string[]): Promise<InteropBroker> {
  const directory = mkdtempSync(join(tmpdir(), "kedge-broker-"));
  const [http, kafka] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  const command = [
    process.execPath,
    join(root, "src/main.ts"),
    "serve",
    "--data",
    join(directory, "data"),
    "--http",
    `127.0.0.1:${http}`,
    "--kafka",
    `127.0.0.1:${kafka}`,
    "--group-initial-rebalance-delay-ms",
    "0",
    ...flags,
  ];
  let child = await started(command, url, directory);
  return {
    name: "kedge",
    bootstrap: `127.0.0.1:${kafka}`,
    url,
    log: () => Bun.file(join(directory, LOG)).text(),
    async crash() {
      child.kill("SIGKILL");
      await child.exited;
      child = await started(command, url, directory);
    },
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function started(command: readonly string[], url: string, directory: string) {
  const log = join(directory, LOG);
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(log),
  });
  const until = performance.now() + readyTimeoutMs;
  for (;;) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.status === 200) return child;
    if (child.exitCode !== null || performance.now() > until) {
      child.kill("SIGKILL");
      throw new Error(`kedge did not become ready: ${await Bun.file(log).text()}`);
    }
    await Bun.sleep(5);
  }
}
