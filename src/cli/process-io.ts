/**
 * The real outside of a command: this process' streams and signals.
 */
import { fstatSync } from "node:fs";
import process from "node:process";
import { Failure } from "./exit.ts";
import { ClosedPipe, type Io, type Sink, type Source } from "./io.ts";

const COLUMNS = 80;

/** The first Ctrl-C asks the command to end, which has a moment for it (interruption.ts); a second one ends it. */
export function processIo(): Io {
  const controller = new AbortController();
  const interrupt = () => {
    process.off("SIGINT", interrupt);
    controller.abort(new Error("interrupted"));
  };
  process.on("SIGINT", interrupt);
  return {
    stdin: stdin(),
    stdout: sink(process.stdout, "stdout"),
    stderr: sink(process.stderr, "stderr"),
    env: process.env,
    interrupted: controller.signal,
    blocking(work) {
      process.off("SIGINT", interrupt);
      try {
        return work();
      } finally {
        if (!controller.signal.aborted) process.on("SIGINT", interrupt);
      }
    },
  };
}

function sink(stream: typeof process.stdout | typeof process.stderr, name: string): Sink {
  let broken: Error | null = null;
  // A write that fails is told by the write; nobody else is to hear of it.
  stream.on("error", (error: Error) => (broken ??= failureOf(error, name)));
  return {
    isTerminal: stream.isTTY,
    isFile: isFile(stream.fd),
    columns: stream.columns ?? COLUMNS,
    write: (data) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        stream.write(data, (error) => (error ? reject(failureOf(error, name)) : resolve()));
        return undefined;
      }),
  };
}

/** One that is closed is none. */
function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    return false;
  }
}

/** Only a reader that has left ends a command quietly: what a full disk did not take is missed. */
function failureOf(error: Error & { readonly code?: string }, name: string): Error {
  const { code = "" } = error;
  const hasLeft = ["EPIPE", "ERR_STREAM_DESTROYED", "ECONNRESET"].includes(code);
  return hasLeft ? new ClosedPipe() : new Failure(`${name} cannot be written: ${error.message}.`);
}

function stdin(): Source {
  return {
    isTerminal: process.stdin.isTTY,
    stream() {
      const chunks = process.stdin.iterator();
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          const next = await chunks.next();
          if (next.done === true) controller.close();
          else controller.enqueue(new Uint8Array(next.value));
        },
        cancel() {
          process.stdin.destroy();
        },
      });
    },
  };
}
