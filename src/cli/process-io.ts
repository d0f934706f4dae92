/**
 * The real outside of a command: this process' streams and signals.
 */
import process from "node:process";
import { ClosedPipe, type Io, type Sink, type Source } from "./io.ts";

const COLUMNS = 80;

/** The first Ctrl-C asks the command to end; a second one ends it. */
export function processIo(): Io {
  const controller = new AbortController();
  const interrupt = () => {
    process.off("SIGINT", interrupt);
    controller.abort(new Error("interrupted"));
  };
  process.on("SIGINT", interrupt);
  return {
    stdin: stdin(),
    stdout: sink(process.stdout),
    stderr: sink(process.stderr),
    env: process.env,
    interrupted: controller.signal,
  };
}

function sink(stream: typeof process.stdout | typeof process.stderr): Sink {
  let closed = false;
  stream.on("error", (error: Error & { code?: string }) => {
    closed = true;
    if (error.code !== "EPIPE") throw error;
  });
  return {
    isTerminal: stream.isTTY,
    columns: stream.columns ?? COLUMNS,
    write: (data) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new ClosedPipe());
        stream.write(data, (error) => (error ? reject(new ClosedPipe()) : resolve()));
        return undefined;
      }),
  };
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
