/**
 * What a command may touch of the outside: streams, environment, network, interruption. Passed in, so that tests run
 * commands in process.
 */
import type { Fetch } from "../client/client.ts";

/** Somewhere to write. Writing to a pipe whose reader has left throws `ClosedPipe`. */
export interface Sink {
  readonly isTerminal: boolean;
  /** Nobody sees what is written while it is: neither a terminal nor a pipe. */
  readonly isFile: boolean;
  /** Width in characters; 80 where nobody knows. */
  readonly columns: number;
  /** Resolves once there is room for more. */
  write(data: string | Uint8Array): Promise<void>;
}

export interface Source {
  readonly isTerminal: boolean;
  /** Can be read once. */
  stream(): ReadableStream<Uint8Array>;
}

export interface Io {
  readonly stdin: Source;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetch?: Fetch;
  /** Aborts on Ctrl-C. */
  readonly interrupted: AbortSignal;
  /** Runs what keeps this thread for long, so that no signal could be heard: Ctrl-C ends the process meanwhile. */
  blocking<T>(work: () => T): T;
}

/** The reader of our output has left (`| head`): the command ends quietly. */
export class ClosedPipe extends Error {
  override readonly name = "ClosedPipe";
}
