/**
 * Quotas as kafka-configs.sh shows and changes them: limits of users, client ids and addresses, one or two to an entity.
 *
 * - A name of null is the default of its type. Nodes of kedge keep and tell quotas; they hold nobody to them yet.
 */
import { describeClientQuotas } from "../../kafka/apis/48-describe-client-quotas.ts";
import { alterClientQuotas } from "../../kafka/apis/49-alter-client-quotas.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";
import { ToolError } from "./connect.ts";
import { javaText } from "./java-text.ts";

type QuotaType = "user" | "client-id" | "ip";

/** By what `--entity-type` says. */
const quotaTypes: ReadonlyMap<string, QuotaType> = new Map([
  ["users", "user"],
  ["clients", "client-id"],
  ["ips", "ip"],
]);

/** Of an entity that is described: a name, null for the default, undefined for all of them. */
interface QuotaPart {
  readonly type: QuotaType;
  readonly name: string | null | undefined;
}

/** What was typed of an entity: types, and names in order, null for `--entity-default`. */
export interface TypedEntity {
  readonly types: readonly string[];
  readonly names: readonly (string | null)[];
}

/** The parts of an entity with quotas; null for one of configs. */
export function quotaPartsOf({ types, names }: TypedEntity): readonly QuotaPart[] | null {
  const parts = types.flatMap((word, at): QuotaPart[] => {
    const type = quotaTypes.get(word);
    return type === undefined ? [] : [{ type, name: names[at] }];
  });
  if (parts.length === 0) return null;
  return parts;
}

const NAMED = 0;
const DEFAULT = 1;
const ANY = 2;
/** What Kafka's tool says of a type in a list, and of one it has changed. */
const words = {
  user: { list: "user-principal", change: "user" },
  "client-id": { list: "client-id", change: "client" },
  ip: { list: "ip", change: "ip" },
} as const;

/** A line for each entity that has quotas and is exactly of these types. */
export async function quotasText(
  client: KafkaClient,
  parts: readonly QuotaPart[],
): Promise<string> {
  const lines = (await quotasOf(client, parts)).map(({ entity, values }) => {
    const who = parts.map(({ type }) => {
      const name = entity.find(({ entityType }) => entityType === type)?.entityName ?? null;
      const { list } = words[type];
      return name === null ? `the default ${list}` : `${list} '${name}'`;
    });
    const limits = values.map(({ key, value }) => `${key}=${javaText(value)}`);
    return `Quota configs for ${who.join(", ")} are ${limits.join(", ")}\n`;
  });
  return lines.join("");
}

async function quotasOf(client: KafkaClient, parts: readonly QuotaPart[]) {
  const components = parts.map(({ type, name }) => ({ entityType: type, ...matchOf(name) }));
  const request = { components, strict: true };
  const { entries } = await client.ask(
    { to: "any" },
    describeClientQuotas,
    request,
    ({ errorCode, errorMessage }) => check(errorCode, errorMessage),
  );
  return entries ?? [];
}

function matchOf(name: string | null | undefined) {
  if (name === undefined) return { matchType: ANY, match: null };
  return name === null ? { matchType: DEFAULT, match: null } : { matchType: NAMED, match: name };
}

const perClient = [
  "producer_byte_rate",
  "consumer_byte_rate",
  "request_percentage",
  "controller_mutation_rate",
];
const perAddress = ["connection_creation_rate"];

/** Throws ToolError for what is no limit of these. */
function checkNames(parts: readonly QuotaPart[], names: readonly string[], done: string): void {
  const isAddress = parts[0]?.type === "ip";
  const known = isAddress ? perAddress : perClient;
  const others = names.filter((name) => !known.includes(name));
  if (others.length === 0) return;
  const credentials = others.filter((name) => name.startsWith("SCRAM-"));
  const isUser = parts.length === 1 && parts[0]?.type === "user";
  if (isUser && credentials.length > 0)
    throw new ToolError(
      `SCRAM credentials cannot be kept: security is not built yet. Leave out ${credentials.join(", ")}`,
    );
  const what = isAddress
    ? "connection quota configs can be"
    : isUser
      ? "quota and SCRAM credential configs can be"
      : "quota configs can be";
  const whose = isAddress ? "ips" : isUser ? "users" : "clients";
  throw new ToolError(
    `Only ${what} ${done} for '${whose}'. Unexpected config names: ${others.join(", ")}`,
  );
}

/** Sets and removes limits of one entity. Throws ToolError for what is no number, KafkaError for what the node refuses. */
export async function alterQuotas(
  client: KafkaClient,
  parts: readonly QuotaPart[],
  {
    added,
    gone,
  }: { readonly added: ReadonlyMap<string, string>; readonly gone: readonly string[] },
): Promise<string> {
  checkNames(parts, [...added.keys()], "added");
  checkNames(parts, gone, "deleted");
  const there = gone.length === 0 ? [] : await quotasOf(client, parts);
  const kept = there.flatMap(({ values }) => values.map(({ key }) => key));
  const missing = gone.filter((name) => !kept.includes(name));
  if (missing.length > 0) throw new ToolError(`Invalid config(s): ${missing.join(",")}`);
  const entity = parts.map(({ type, name }) => ({ entityType: type, entityName: name ?? null }));
  const set = Array.from(added, ([key, text]) => {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value))
      throw new ToolError(`Cannot parse quota configuration value for ${key}: ${text}`);
    return { key, value, remove: false };
  });
  const ops = [...set, ...gone.map((key) => ({ key, value: 0, remove: true }))];
  const request = { entries: [{ entity, ops }], validateOnly: false };
  await client.ask({ to: "controller" }, alterClientQuotas, request, ({ entries }) => {
    for (const { errorCode, errorMessage } of entries) check(errorCode, errorMessage);
  });
  const [first] = parts;
  if (!first) return "";
  const { change } = words[first.type];
  return first.name === null || first.name === undefined
    ? `Completed updating default config for ${change}s in the cluster.\n`
    : `Completed updating config for ${change} ${first.name}.\n`;
}
