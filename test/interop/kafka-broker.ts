/**
 * A broker for the interop suites: kedge as a process of its own, or the real Apache Kafka. Both forget everything at the
 * end, and groups settle without Kafka's initial delay on both.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";

export const root = new URL("../../", import.meta.url).pathname;

export interface InteropBroker {
  readonly name: "kedge" | "Apache Kafka";
  readonly bootstrap: string;
  /** Where kedge serves HTTP; null for Apache Kafka. */
  readonly url: string | null;
  /** Ends it without asking and starts it again over the same data, on the same ports. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

const script = join(root, "test/peers/kafka.sh");
const readyTimeoutMs = 60_000;
const toolTimeoutMs = 60_000;
const startTries = 3;

async function run(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, said] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) === 0) return out;
  throw new Error(`${command.join(" ")}: ${(said || out).slice(-2000)}`);
}

/** The jars of Apache Kafka as a class path, fetched the first time; or why there are none. */
export async function kafkaJars(): Promise<{ classPath: string } | { missing: string }> {
  if (!Bun.which("java")) return { missing: "there is no java" };
  const classPath = (await run(["bash", script, "cp"], {})).trim();
  const found = new Bun.Glob("kafka_2.13-*.jar").scan({ cwd: classPath.replace(/\*$/, "") });
  try {
    for await (const _ of found) return { classPath };
  } catch {
    // The folder is not there yet.
  }
  if (!Bun.which("mvn"))
    return { missing: "there are no jars of Apache Kafka, and no mvn to fetch them" };
  await run(["bash", script, "setup"], {});
  return { classPath };
}

/** Runs one of Kafka's own command-line tools by its class; gives what it said on both streams, and its exit code. */
export async function toolOf(
  name: string,
  words: readonly string[],
  input = "",
): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(["bash", script, "cli", name, ...words], {
    env: { ...process.env, CLI_HEAP: "-Xmx128m -XX:TieredStopAtLevel=1" },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: toolTimeoutMs,
    killSignal: "SIGKILL",
  });
  const [out, said] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, output: `${out}\n${said}` };
}

/** `extra` are settings of its server.properties. */
export async function startApacheKafka(
  extra: Readonly<Record<string, string>> = {},
): Promise<InteropBroker> {
  const directory = mkdtempSync(join(tmpdir(), "kedge-kafka-"));
  const env = await startedKafka(directory, extra, startTries);
  return {
    name: "Apache Kafka",
    bootstrap: `127.0.0.1:${env.KAFKA_PORT}`,
    url: null,
    async crash() {
      const pidFile = Bun.file(join(env.KAFKA_RUN, "broker-1.pid"));
      process.kill(Number(await pidFile.text()), "SIGKILL");
      // A killed process may stay a zombie, which the script would take for a running one.
      await pidFile.delete();
      await run(["bash", script, "start"], env);
    },
    async stop() {
      await run(["bash", script, "wipe"], env);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Its two ports, one beside the other, may be taken by others' connections before it has them: then two others are tried. */
async function startedKafka(
  directory: string,
  extra: Readonly<Record<string, string>>,
  tries: number,
) {
  const env = {
    KAFKA_PORT: String(await freePort()),
    KAFKA_DATA: join(directory, `data-${tries}`),
    KAFKA_RUN: join(directory, `run-${tries}`),
    KAFKA_HEAP: "-Xms256m -Xmx256m",
    KAFKA_EXTRA: Object.entries(extra)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  };
  try {
    await run(["bash", script, "start"], env);
    return env;
  } catch (error) {
    if (tries === 1) throw error;
    return startedKafka(directory, extra, tries - 1);
  }
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
  const log = join(directory, "node.log");
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
