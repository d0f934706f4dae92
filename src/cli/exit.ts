/**
 * How a command line ends: its exit code, and the line on stderr that says why and what to do.
 */
import { CommanderError } from "commander";
import { errorCode } from "../lib/error-code.ts";
import { KedgeError, ProduceError, SchemaError } from "../client/client.ts";
import { NotKafka, Unreachable } from "../kafka/client-connection.ts";
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

/** What to do where nobody answered in Kafka's protocol. */
export function bootstrapHint(error: Unreachable): string {
  return error instanceof NotKafka
    ? "--bootstrap-server takes the address that Kafka clients connect to (port 9092 unless told), not the one for HTTP."
    : startHint("--bootstrap-server");
}

function startHint(option: "--url" | "--bootstrap-server"): string {
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
      message: `${error.message}\n${bootstrapHint(error)}`,
    };
  if (error instanceof UsageError) return { code: exitCodes.usage, message: error.message };
  if (error instanceof ProduceError) return { code: exitCodes.partial, message: error.message };
  if (error instanceof KedgeError) return { code: codeOf(error), message: sentence(error) };
  if (error instanceof SchemaError) return { code: exitCodes.failure, message: error.message };
  const code = errorCode(error);
  const words = error instanceof Error ? error.message : String(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return {
      code: exitCodes.failure,
      message: `${words}\nFree space there, or choose another place.`,
    };
  // What the system refuses is the command line's fault; anything else is a bug and shows where.
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
  if (error.code === "unreachable") return `${plain(error.message)}\n${urlHint(error.message)}`;
  if (error.code === "unknown_route")
    return `The node has no such path: --url is its address alone, such as http://127.0.0.1:8080.`;
  if (error.status === 401)
    return `${error.message}\nGive the node's token with --token-file FILE or KEDGE_TOKEN.`;
  return error.message;
}

/** Of an address where nothing listens every runtime says so in words of its own. */
function plain(message: string): string {
  return message.replace(
    /: [^:]*\b(?:ECONNREFUSED\b|Unable to connect|Connection refused).*/s,
    ": nothing listens there.",
  );
}

/** The runtimes tell what went wrong by their words alone, each by others. */
function urlHint(words: string): string {
  if (/certificate/i.test(words))
    return "Trust the node's certificate with NODE_EXTRA_CA_CERTS=FILE, and ask for a host that it names.";
  if (/EPROTO|TLS handshake|wrong version number|InvalidContentType/i.test(words))
    return "What listens there does not speak TLS: a node without a certificate is http://, and Kafka's port is not for --url.";
  if (/ECONNRESET|closed unexpectedly|other side closed|connection (?:reset|closed)/i.test(words))
    return "What listens there does not speak HTTP: --url takes the node's HTTP address (port 8080 unless told), not Kafka's, and https:// where it has a certificate.";
  return startHint("--url");
}
