/**
 * A Java program with Kafka's jars as a child process, started once, asked one question at a time: a line of JSON each way.
 */
import { join } from "node:path";
import { classPath } from "./kafka.ts";

export interface Java<Answer> {
  ask(request: Record<string, unknown>): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts a program of this folder, which answers every line with one. */
export function startJava<Answer>(program: string): Java<Answer> {
  const child = Bun.spawn(["java", "-cp", classPath, join(import.meta.dir, program)], {
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
