/**
 * Apache Kafka itself, for suites that must pass there first and benches that measure it: its jars, its tools, and one node as a
 * child, on a free port and in a folder of its own.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";
import { outputOf, type Ran, run } from "./command.ts";

const script = join(import.meta.dir, "kafka.sh");
const home =
  process.env["KHOME"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kafka-peer");
const jars = join(home, "jars");

/** All jars of Apache Kafka. */
export const classPath = join(jars, "*");

/** Why Apache Kafka cannot run here, or null; fetches its jars when they are missing (minutes). */
export function kafkaMissing(): string | null {
  if (!Bun.which("java")) return "there is no java on the PATH";
  if (existsSync(jars) && readdirSync(jars).some((name) => name.startsWith("kafka_2.13-")))
    return null;
  if (!Bun.which("mvn")) return "its jars are not there yet, and there is no mvn to fetch them";
  const setup = Bun.spawnSync(["bash", script, "setup"], { stderr: "inherit" });
  return setup.exitCode === 0 ? null : "its jars could not be fetched";
}

/** Runs one of Kafka's own tools by its class (`TopicCommand`, `ConsoleProducer`, …). */
export function kafkaTool(
  tool: string,
  words: readonly string[],
  options: { readonly heap?: string; readonly input?: string; readonly timeoutMs: number },
): Promise<Ran> {
  const { heap, input = "", timeoutMs } = options;
  return run(["bash", script, "cli", tool, ...words], {
    env: heap === undefined ? {} : { CLI_HEAP: heap },
    input,
    timeoutMs,
  });
}

export interface KafkaPeer {
  /** HOST:PORT. */
  readonly address: string;
  readonly port: number;
  pid(): Promise<number>;
  /** What it has written to its log. */
  log(): Promise<string>;
  /** Ends it without asking and starts it again over the same data, on the same ports. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

export interface KafkaOptions {
  /** Beside those that `kafka.sh` writes into its server.properties. */
  readonly settings?: Readonly<Record<string, string>>;
  /** As java's flags; null: the 1 GiB of the distribution. */
  readonly heap?: string | null;
  /** Taken away at the end. */
  readonly directory?: string;
}

/** What suites need; a bench asks for more. */
const smallHeap = "-Xms256m -Xmx256m";

/** Ask `kafkaMissing` first. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaPeer> {
  const { settings = {}, heap = smallHeap } = options;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "kafka-peer-")));
  const env = await startedIn(directory, settings, heap, START_TRIES);
  const pidFile = Bun.file(join(env.KAFKA_RUN, "broker-1.pid"));
  const pid = async () => Number(await pidFile.text());
  const port = Number(env.KAFKA_PORT);
  return {
    address: `127.0.0.1:${port}`,
    port,
    pid,
    log: () => Bun.file(join(env.KAFKA_RUN, "server-1.log")).text(),
    async crash() {
      process.kill(await pid(), "SIGKILL");
      // A killed process may stay a zombie, which the script would take for a running one.
      await pidFile.delete();
      await outputOf(["bash", script, "start"], { env });
    },
    async close() {
      await outputOf(["bash", script, "wipe"], { env });
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const START_TRIES = 3;

/** Its two ports, one beside the other, may be taken by others' connections before it has them: then two others are tried. */
async function startedIn(
  directory: string,
  settings: Readonly<Record<string, string>>,
  heap: string | null,
  tries: number,
) {
  const env = {
    KAFKA_PORT: String(await freePort()),
    KAFKA_DATA: join(directory, `data-${tries}`),
    KAFKA_RUN: join(directory, `run-${tries}`),
    KAFKA_EXTRA: Object.entries(settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
    ...(heap !== null && { KAFKA_HEAP: heap }),
  };
  try {
    await outputOf(["bash", script, "start"], { env });
    return env;
  } catch (error) {
    if (tries === 1) throw error;
    return startedIn(directory, settings, heap, tries - 1);
  }
}
