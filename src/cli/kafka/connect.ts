/**
 * What the commands that speak Kafka's protocol share: the broker they speak to, and their properties files.
 */
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";
import { KafkaClient, type Address } from "../../kafka/client.ts";
import { parseProperties } from "../../lib/properties.ts";
import { UsageError } from "../../lib/setting.ts";
import { dialTcp } from "../../runtime/dial.ts";
import { systemPlatform } from "../../runtime/system.ts";
import { Failure } from "../exit.ts";
import type { Session } from "../session.ts";
import { type ClientKind, numberOf, tellProperties } from "./client-properties.ts";

export interface ConnectOptions {
  readonly bootstrapServer?: readonly Address[];
  readonly commandConfig?: string;
}

/** A client of another kind than an admin's, and its properties where they are not of `--command-config` alone. */
interface Client {
  readonly kind: ClientKind;
  readonly clientId: string;
  readonly properties: ReadonlyMap<string, string>;
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
      addressesTyped,
    )
    .option("--command-config <file>", "a properties file for the connection");
}

function addressesTyped(text: string): readonly Address[] {
  try {
    return addresses(text);
  } catch (error) {
    throw error instanceof UsageError ? new InvalidArgumentError(error.message) : error;
  }
}

/** `host:port,host:port`; an IPv6 address stands in brackets. Throws UsageError. */
function addresses(text: string): readonly Address[] {
  return text.split(",").map((part) => {
    const match = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(part.trim());
    const host = match?.[1] ?? match?.[2];
    if (host === undefined) throw new UsageError(`A broker is host:port, not "${part}".`);
    return { host, port: Number(match?.[3] ?? PORT_DEFAULT) };
  });
}

/** Runs `work` with a client that is closed afterwards. Throws UsageError for properties that cannot be. */
export async function withKafka<T>(
  session: Session,
  options: ConnectOptions,
  work: (client: KafkaClient) => Promise<T>,
  as?: Client,
): Promise<T> {
  const properties = as?.properties ?? (await propertiesOf(options.commandConfig));
  refuseSecurity(properties);
  const named =
    properties.get("bootstrap.servers") ??
    session.io.env["KEDGE_BOOTSTRAP_SERVER"] ??
    BOOTSTRAP_DEFAULT;
  const client = new KafkaClient({
    bootstrap: options.bootstrapServer ?? addresses(named),
    dial: dialTcp,
    clock: systemPlatform().clock,
    clientId: properties.get("client.id") ?? as?.clientId ?? "kedge",
    timeoutMs: numberOf(properties, "request.timeout.ms", { unless: TIMEOUT_MS }),
    patienceMs: PATIENCE_MS,
  });
  await tellProperties(session, as?.kind ?? "admin", properties);
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

/** What a tool of Kafka's refuses by itself. */
export class ToolError extends Failure {
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
