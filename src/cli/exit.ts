/**
 * How a command line ends: its exit code, and the line on stderr that says why and what to do.
 */
import { CommanderError } from "commander";
import { KedgeError, ProduceError, SchemaError } from "../client/client.ts";
import { Unreachable } from "../kafka/client-connection.ts";
import { UsageError } from "../lib/setting.ts";
import { ClosedPipe } from "./io.ts";
import { START_NODE } from "./kedge-command.ts";

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  /** Nobody answered, or not in time. */
  unreachable: 5,
  /** Some of it was done, some of it failed. */
  partial: 6,
  interrupted: 130,
} as const;

/** A command that ends ill and has said all there is to say. */
export class Ended extends Error {
  override readonly name = "Ended";
  readonly code: number;

  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Something that is not there, or in the way; the message says what to do. */
export class Failure extends Error {
  override readonly name: string = "Failure";
  readonly code: number;

  constructor(message: string, code: number = exitCodes.failure) {
    super(message);
    this.code = code;
  }
}

export interface Ending {
  readonly code: number;
  /** For stderr; null when nothing is to be said (any more). */
  readonly message: string | null;
}

/** What to do where nobody answered; the option names another node. */
export function unreachableHint(option: "--url" | "--bootstrap-server"): string {
  return `Is a node running? Start one with "${START_NODE}", or name another with ${option}.`;
}

export function endingOf(error: unknown): Ending {
  // Commander has said it already, with its "Did you mean".
  if (error instanceof CommanderError)
    return { code: error.exitCode === 0 ? exitCodes.ok : exitCodes.usage, message: null };
  if (error instanceof ClosedPipe) return { code: exitCodes.ok, message: null };
  if (error instanceof Ended) return { code: error.code, message: null };
  if (error instanceof Failure) return { code: error.code, message: error.message };
  if (error instanceof Unreachable)
    return {
      code: exitCodes.unreachable,
      message: `${error.message}\n${unreachableHint("--bootstrap-server")}`,
    };
  if (error instanceof UsageError) return { code: exitCodes.usage, message: error.message };
  if (error instanceof ProduceError) return { code: exitCodes.partial, message: error.message };
  if (error instanceof KedgeError) return { code: codeOf(error), message: sentence(error) };
  if (error instanceof SchemaError) return { code: exitCodes.failure, message: error.message };
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const words = error instanceof Error ? error.message : String(error);
  // A file that is not there is the command line's fault; anything else is a bug and shows where.
  if (code === "ENOENT") return { code: exitCodes.notFound, message: words };
  if (/^E[A-Z]+$/.test(code)) return { code: exitCodes.failure, message: words };
  const trace = error instanceof Error ? error.stack : undefined;
  return { code: exitCodes.failure, message: trace ?? words };
}

export function codeOf(error: KedgeError): number {
  if (error.status === 404) return exitCodes.notFound;
  if (error.status === 401 || error.status === 403) return exitCodes.notAllowed;
  if (error.status === 0 || error.retryable) return exitCodes.unreachable;
  return exitCodes.failure;
}

function sentence(error: KedgeError): string {
  // The runtimes tell a TLS failure by its words alone, each by others.
  if (error.code === "unreachable" && /certificate/i.test(error.message))
    return `${error.message}\nTrust the node's certificate with NODE_EXTRA_CA_CERTS=FILE, and ask for a host that it names.`;
  if (error.code === "unreachable") return `${error.message}\n${unreachableHint("--url")}`;
  if (error.status === 401)
    return `${error.message}\nGive the node's token with --token-file FILE or KEDGE_TOKEN.`;
  return error.message;
}
