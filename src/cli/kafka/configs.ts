/**
 * `kedge kafka-configs`: Kafka's own spelling for configs (kafka-configs.sh).
 *
 * Left out: credentials of users (SCRAM).
 */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { incrementalAlterConfigs } from "../../kafka/apis/44-incremental-alter-configs.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";
import { parseProperties } from "../../lib/properties.ts";
import type { Session } from "../session.ts";
import {
  type ConfigEntry,
  configsOf,
  configSources,
  type ResourceType,
  resourceTypes,
} from "./config-entries.ts";
import {
  addConnectOptions,
  asTool,
  gathered,
  oneAction,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";
import { alterQuotas, quotaPartsOf, quotasText, quotaTypes, type TypedEntity } from "./quotas.ts";

interface Options extends ConnectOptions {
  readonly describe?: boolean;
  readonly alter?: boolean;
  readonly all?: boolean;
  readonly entityType?: readonly string[];
  readonly topic?: string;
  readonly broker?: string;
  readonly group?: string;
  readonly brokerDefaults?: boolean;
  readonly user?: string;
  readonly userDefaults?: boolean;
  readonly client?: string;
  readonly clientDefaults?: boolean;
  readonly ip?: string;
  readonly ipDefaults?: boolean;
  readonly addConfig?: string;
  readonly addConfigFile?: string;
  readonly deleteConfig?: string;
}

interface Entity {
  readonly type: ResourceType;
  /** Null for all of them; empty for the brokers' default. */
  readonly name: string | null;
}

const SET = 0;
const DELETE = 1;
const types: ReadonlyMap<string, ResourceType> = new Map([
  ["topics", "topic"],
  ["brokers", "broker"],
  ["broker-loggers", "broker-logger"],
  ["client-metrics", "client-metrics"],
  ["groups", "group"],
]);

const allTypes = [...types.keys(), ...quotaTypes.keys()].join(", ");

export function addKafkaConfigs(program: Command, session: Session): void {
  const command = program
    .command("kafka-configs")
    .alias("kafka-configs.sh")
    .description("configs, in Kafka's own spelling")
    .option("--describe", "show configs")
    .option("--alter", "change configs")
    .option("--all", "show every config, not only those that were set")
    .option(
      "--entity-type <type>",
      `what has the configs: ${allTypes}; users and clients also together`,
      gathered,
    )
    .option("--entity-name <name>", "which of them; may repeat, one for each type")
    .option("--entity-default", "the default of all of them")
    .option("--topic <name>", "short for --entity-type topics --entity-name")
    .option("--broker <id>", "short for --entity-type brokers --entity-name")
    .option("--broker-defaults", "short for --entity-type brokers --entity-default")
    .option("--user <name>", "short for --entity-type users --entity-name")
    .option("--user-defaults", "short for --entity-type users --entity-default")
    .option("--client <id>", "short for --entity-type clients --entity-name")
    .option("--client-defaults", "short for --entity-type clients --entity-default")
    .option("--ip <address>", "short for --entity-type ips --entity-name")
    .option("--ip-defaults", "short for --entity-type ips --entity-default")
    .option("--group <id>", "short for --entity-type groups --entity-name")
    .option("--add-config <pairs>", "configs to set: name=value,…; [a,b] for a list")
    .option("--add-config-file <file>", "configs to set, as a properties file")
    .option("--delete-config <names>", "configs to go back to their defaults: name,…");
  // Names belong to types by their order, which is lost once the options are parsed.
  const names: (string | null)[] = [];
  command.on("option:entity-name", (name: string) => names.push(name));
  command.on("option:entity-default", () => names.push(null));
  addConnectOptions(command).action((options: Options) =>
    asTool(
      (reason) => session.note(reason),
      () =>
        withKafka(session, options, (client) =>
          run(session, client, typed(options, names), options),
        ),
    ),
  );
}

/** What was typed of an entity, the short forms written out. */
function typed(options: Options, names: readonly (string | null)[]): TypedEntity {
  const short: readonly (readonly [string, string | boolean | undefined])[] = [
    ["topics", options.topic],
    ["brokers", options.broker ?? options.brokerDefaults],
    ["groups", options.group],
    ["users", options.user ?? options.userDefaults],
    ["clients", options.client ?? options.clientDefaults],
    ["ips", options.ip ?? options.ipDefaults],
  ];
  const given = short.filter(([, name]) => name !== undefined);
  return {
    types: [...given.map(([type]) => type), ...(options.entityType ?? [])],
    names: [...given.map(([, name]) => (typeof name === "string" ? name : null)), ...names],
  };
}

const NOT_IN_EFFECT = "Nodes of kedge keep and show quotas; they hold nobody to them yet.\n";

async function run(
  session: Session,
  client: KafkaClient,
  whose: TypedEntity,
  options: Options,
): Promise<void> {
  const words = "Command must include exactly one action: --describe, --alter";
  const action = oneAction(options, ["describe", "alter"] as const, words);
  const parts = quotaPartsOf(whose);
  if (parts) {
    if (action === "describe") return session.io.stdout.write(await quotasText(client, parts));
    await session.io.stdout.write(await alterQuotas(client, parts, await changesOf(options)));
    return session.io.stderr.write(NOT_IN_EFFECT);
  }
  const entity = entityOf(whose);
  if (action === "describe") return describe(session, client, entity, options.all === true);
  return alter(session, client, entity, options);
}

function entityOf({ types: [word, another], names: [name] }: TypedEntity): Entity {
  if (word === undefined)
    throw new ToolError("At least one entity type must be specified: --entity-type");
  const type = types.get(word);
  if (!type)
    throw new ToolError(`Invalid entity type ${word}, the entity type must be one of ${allTypes}`);
  if (another !== undefined) throw new ToolError(`Only one entity type, not ${another} as well`);
  return { type, name: name === undefined ? null : (name ?? "") };
}

async function describe(
  { io: { stdout } }: Session,
  client: KafkaClient,
  { type, name }: Entity,
  all: boolean,
): Promise<void> {
  const names = name === null ? await everyName(client, type) : [name];
  const includeSynonyms = true;
  for (const each of names) {
    const [entries = []] = await configsOf(client, type, [each], { includeSynonyms });
    const shown = all ? entries : entries.filter((entry) => isOwn(type, each, entry));
    const lines = shown
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .map((entry) => `  ${entryText(entry)}\n`);
    const what = each === "" ? `default ${type}s in the cluster` : `${type} ${each}`;
    await stdout.write(`${all ? "All" : "Dynamic"} configs for ${what} are:\n${lines.join("")}`);
  }
}

async function everyName(client: KafkaClient, type: ResourceType): Promise<readonly string[]> {
  if (type === "topic") return (await client.topics(null)).map(({ name }) => name);
  if (type === "broker") return [...(await client.brokers()).map(String), ""];
  throw new ToolError(`Give --entity-name: which of the ${type}s`);
}

/** Whether a config was set on this very thing. */
function isOwn(type: ResourceType, name: string, { source }: ConfigEntry): boolean {
  const isDefault = type === "broker" && name === "";
  const own = {
    topic: "DYNAMIC_TOPIC_CONFIG",
    broker: isDefault ? "DYNAMIC_DEFAULT_BROKER_CONFIG" : "DYNAMIC_BROKER_CONFIG",
    "broker-logger": "DYNAMIC_BROKER_LOGGER_CONFIG",
    "client-metrics": "DYNAMIC_CLIENT_METRICS_CONFIG",
    group: "DYNAMIC_GROUP_CONFIG",
  }[type];
  return configSources[source] === own;
}

function entryText({ name, value, isSensitive, synonyms }: ConfigEntry): string {
  const from = synonyms.map(
    (each) => `${configSources[each.source] ?? "UNKNOWN"}:${each.name}=${each.value ?? "null"}`,
  );
  return `${name}=${value ?? "null"} sensitive=${isSensitive} synonyms={${from.join(", ")}}`;
}

async function alter(
  { io: { stdout } }: Session,
  client: KafkaClient,
  { type, name }: Entity,
  options: Options,
): Promise<void> {
  if (name === null)
    throw new ToolError(
      "An --entity-name must be specified with --alter of topics, brokers, groups",
    );
  const { added, gone } = await changesOf(options);
  const configs = [
    ...Array.from(added, ([key, value]) => ({ name: key, configOperation: SET, value })),
    ...gone.map((key) => ({ name: key, configOperation: DELETE, value: null })),
  ];
  const resource = { resourceType: resourceTypes[type], resourceName: name, configs };
  const request = { resources: [resource], validateOnly: false };
  const isOfBroker = (type === "broker" || type === "broker-logger") && name !== "";
  const target = isOfBroker
    ? ({ to: "broker", id: Number(name) } as const)
    : ({ to: "controller" } as const);
  await client.ask(target, incrementalAlterConfigs, request, ({ responses }) => {
    for (const { errorCode, errorMessage } of responses) check(errorCode, errorMessage);
  });
  const what = name === "" ? `default ${type}s in the cluster` : `${type} ${name}`;
  await stdout.write(`Completed updating ${name === "" ? "default " : ""}config for ${what}.\n`);
}

async function changesOf({ addConfig, addConfigFile, deleteConfig }: Options) {
  const added = new Map(pairs(addConfig ?? ""));
  if (addConfigFile !== undefined)
    for (const [key, value] of parseProperties(await readFile(addConfigFile, "utf8")))
      added.set(key, value);
  const gone = (deleteConfig ?? "")
    .split(",")
    .map((text) => text.trim())
    .filter((key) => key !== "");
  if (added.size + gone.length === 0)
    throw new ToolError(
      "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter",
    );
  return { added, gone };
}

/** `a=1,b=[x,y]`: commas within brackets belong to the value. */
function* pairs(text: string): Iterable<readonly [string, string]> {
  for (const part of text.split(/,(?![^[]*\])/)) {
    if (part.trim() === "") continue;
    const at = part.indexOf("=");
    if (at < 1)
      throw new ToolError(
        'requirement failed: Invalid entity config: all configs to be added must be in the format "key=val".',
      );
    yield [
      part.slice(0, at).trim(),
      part
        .slice(at + 1)
        .trim()
        .replaceAll(/^\[|\]$/g, ""),
    ];
  }
}
