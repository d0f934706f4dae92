/**
 * Apache Kafka itself as a child, for suites that must pass there first: one node on a free port, in a folder of its own.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../bench/server.ts";

const script = join(import.meta.dir, "kafka.sh");

export interface KafkaPeer {
  /** HOST:PORT. */
  readonly address: string;
  /** Runs one of Kafka's own tools (`TopicCommand`, `ConsoleProducer`, …) and gives what it printed. */
  cli(tool: string, ...args: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** `extra` are lines of server.properties. Ask `javaMissing` of `java.ts` first. */
export async function startKafka(extra: readonly string[] = []): Promise<KafkaPeer> {
  const folder = await mkdtemp(join(tmpdir(), "kafka-peer-"));
  const [data, run] = [join(folder, "data"), join(folder, "run")];
  await Promise.all([mkdir(data), mkdir(run)]);
  const port = await freePort();
  const env = {
    KAFKA_PORT: String(port),
    KAFKA_DATA: data,
    KAFKA_RUN: run,
    KAFKA_HEAP: "-Xms256m -Xmx256m",
    KAFKA_EXTRA: extra.join(" "),
  };
  const ran = async (...words: readonly string[]): Promise<string> => {
    const child = Bun.spawn(["bash", script, ...words], {
      env: { ...process.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if ((await child.exited) !== 0) throw new Error(`kafka.sh ${words.join(" ")}: ${errors}`);
    return out;
  };
  await ran("start");
  return {
    address: `127.0.0.1:${port}`,
    cli: (tool, ...args) => ran("cli", tool, ...args),
    async close() {
      await ran("stop");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
