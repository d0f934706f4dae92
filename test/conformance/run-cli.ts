/**
 * Runs command lines in process, with streams in memory.
 */
import { ClosedPipe, type Io } from "../../src/cli/io.ts";
import { run } from "../../src/cli/program.ts";
import type { Fetch } from "../../src/client/client.ts";

export interface Given {
  readonly stdin?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly terminal?: boolean;
  /** stdout is a file. */
  readonly toFile?: boolean;
  readonly env?: Record<string, string>;
  readonly fetch?: Fetch;
  readonly interrupted?: AbortSignal;
  /** Called after each write to stdout. */
  readonly onOut?: () => void;
  /** The reader of stdout leaves after so many writes. */
  readonly closesAfter?: number;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function runCli(args: readonly string[], given: Given = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const isTerminal = given.terminal ?? false;
  const sink = (into: string[], writesMax = Infinity, onWrite = () => {}) => ({
    isTerminal,
    isFile: false,
    columns: 80,
    async write(data: string | Uint8Array) {
      if (into.length >= writesMax) throw new ClosedPipe();
      into.push(typeof data === "string" ? data : new TextDecoder().decode(data));
      onWrite();
    },
  });
  const io: Io = {
    stdin: { isTerminal, stream: () => streamOf(given.stdin ?? "") },
    stdout: {
      ...sink(out, given.closesAfter, given.onOut),
      ...(given.toFile === true ? { isTerminal: false, isFile: true } : {}),
    },
    stderr: sink(err),
    env: given.env ?? {},
    ...(given.fetch ? { fetch: given.fetch } : {}),
    interrupted: given.interrupted ?? new AbortController().signal,
    blocking: (work) => work(),
  };
  const code = await run(args, io);
  return { code, out: out.join(""), err: err.join("") };
}

function streamOf(stdin: NonNullable<Given["stdin"]>): ReadableStream<Uint8Array> {
  return stdin instanceof ReadableStream ? stdin : new Blob([stdin]).stream();
}

/** The JSON values of lines. */
export function jsonLines(text: string): unknown[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}
