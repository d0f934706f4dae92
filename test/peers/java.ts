/**
 * A Java program with Kafka's jars as a child process, started once, asked one question at a time: a line of JSON each way.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { spawnSync, which } from "bun";

const here = import.meta.dir;
const home =
  process.env["KHOME"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "kafka-peer");
const jars = join(home, "jars");
const clientJar = join(jars, "kafka-clients-4.3.1.jar");

/** Why Java cannot be asked here, or null; fetches Kafka's jars when they are missing (minutes). */
export function javaMissing(): string | null {
  if (!which("java")) return "left out: there is no java on this machine";
  if (existsSync(clientJar)) return null;
  if (!which("mvn")) return "left out: Kafka's jars are missing, and mvn to fetch them";
  const setup = spawnSync(["bash", join(here, "kafka.sh"), "setup"], { stderr: "inherit" });
  return setup.exitCode === 0 ? null : "left out: Kafka's jars could not be fetched";
}

export interface Java<Answer> {
  ask(request: Record<string, unknown>): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts a program of this folder, which answers every line with one. */
export function startJava<Answer>(program: string): Java<Answer> {
  const child = Bun.spawn(["java", "-cp", join(jars, "*"), join(here, program)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = readLines(child.stdout);
  return {
    async ask(request) {
      await child.stdin.write(`${JSON.stringify(request)}\n`);
      await child.stdin.flush();
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ended`);
      return JSON.parse(value) as Answer;
    },
    async close() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of stream) {
    const [head = "", ...rest] = decoder.decode(chunk, { stream: true }).split("\n");
    parts.push(head);
    for (const next of rest) {
      yield parts.join("");
      parts = [next];
    }
  }
}
