/**
 * What the commands in Kafka's own spelling share: the broker they speak to, its properties files, and how they fail.
 *
 * - Data goes to stdout as Kafka's tools print it; where those print a Java stack trace on stderr, these print a sentence.
 * - Exit codes are Kafka's: 0, or 1 for whatever went wrong.
 */
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { KafkaClient, type Address } from "../../kafka/client.ts";
import { Unreachable } from "../../kafka/client-connection.ts";
import { KafkaError } from "../../kafka/client-error.ts";
import { parseProperties } from "../../lib/properties.ts";
import { UsageError } from "../../lib/setting.ts";
import { dialTcp } from "../../runtime/dial.ts";
import { systemPlatform } from "../../runtime/system.ts";
import { Ended, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";

export interface ConnectOptions {
  readonly bootstrapServer?: readonly Address[];
  readonly commandConfig?: string;
}

const PORT_DEFAULT = 9092;
const BOOTSTRAP_DEFAULT = `127.0.0.1:${PORT_DEFAULT}`;
const TIMEOUT_MS = 30_000;
const PATIENCE_MS = 10_000;

export function addConnectOptions(command: Command): Command {
  return command
    .option(
      "--bootstrap-server <servers>",
      `brokers, as host:port,… (KEDGE_BOOTSTRAP_SERVER, else ${BOOTSTRAP_DEFAULT})`,
      addresses,
    )
    .option("--command-config <file>", "a properties file for the connection");
}

/** `host:port,host:port`; an IPv6 address stands in brackets. */
function addresses(text: string): readonly Address[] {
  return text.split(",").map((part) => {
    const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(part.trim());
    const host = match?.[1] ?? match?.[2];
    if (host === undefined) throw new InvalidArgumentError(`"${part}" is not host:port.`);
    return { host, port: Number(match?.[3] ?? PORT_DEFAULT) };
  });
}

/** Runs `work` with a client that is closed afterwards. */
export async function withKafka<T>(
  session: Session,
  options: ConnectOptions,
  work: (client: KafkaClient) => Promise<T>,
): Promise<T> {
  const properties = await propertiesOf(options.commandConfig);
  refuseSecurity(properties);
  const named = session.io.env["KEDGE_BOOTSTRAP_SERVER"] ?? BOOTSTRAP_DEFAULT;
  const client = new KafkaClient({
    bootstrap: options.bootstrapServer ?? addresses(named),
    dial: dialTcp,
    clock: systemPlatform().clock,
    clientId: properties.get("client.id") ?? "kedge",
    timeoutMs: Number(properties.get("request.timeout.ms") ?? TIMEOUT_MS),
    patienceMs: PATIENCE_MS,
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

/** What a properties file says; nothing without one. */
export async function propertiesOf(path: string | undefined): Promise<Map<string, string>> {
  return path === undefined ? new Map() : parseProperties(await readFile(path, "utf8"));
}

function refuseSecurity(properties: ReadonlyMap<string, string>): void {
  const protocol = properties.get("security.protocol") ?? "PLAINTEXT";
  if (protocol !== "PLAINTEXT")
    throw new UsageError(`security.protocol=${protocol} is not built yet; PLAINTEXT is`);
}

/** Runs a command as Kafka's tools do: `tell` says what went wrong, and the exit code is 1. */
export async function asTool(tell: (reason: string) => Promise<void>, work: () => Promise<void>) {
  try {
    await work();
  } catch (error) {
    if (
      !(error instanceof KafkaError || error instanceof Unreachable || error instanceof ToolError)
    )
      throw error;
    await tell(error.message);
    throw new Ended(exitCodes.failure);
  }
}

/** What a tool of Kafka's refuses by itself. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

/** A list of names, each of which may be a pattern, as Kafka's tools take them: `a,b.*`. */
export function includes(list: string): (name: string) => boolean {
  try {
    const pattern = new RegExp(`^(?:${list.replaceAll(/\s*,\s*/g, "|").replaceAll(/["']/g, "")})$`);
    return (name) => pattern.test(name);
  } catch {
    throw new ToolError(`${list} is an invalid regex.`);
  }
}

/** The one of these options that was given; a ToolError with `words` where it is none, or more than one. */
export function oneAction<Name extends string>(
  options: Readonly<Partial<Record<Name, unknown>>>,
  names: readonly Name[],
  words: string,
): Name {
  const given = names.filter((name) => options[name] !== undefined && options[name] !== false);
  const [name] = given;
  if (name === undefined || given.length > 1) throw new UsageError(words);
  return name;
}

/** Gathers an option that may repeat. */
export function gathered(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `name=value` options as a map; a name alone has an empty value. */
export function settings(pairs: readonly string[] = []): Map<string, string> {
  return new Map(
    pairs.map((text): [string, string] => {
      const at = text.indexOf("=");
      return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
