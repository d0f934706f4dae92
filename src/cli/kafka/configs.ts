/**
 * `kedge kafka-configs`: Kafka's own spelling for configs (kafka-configs.sh).
 *
 * Left out: credentials of users (SCRAM), which are refused in words until security is built.
 */
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
  resourceNames,
  type ResourceType,
  resourceTypes,
} from "./config-entries.ts";
import {
  actionOf,
  addConfigOptions,
  checkConfigOptions,
  type ConfigOptions,
  typedEntity,
} from "./config-options.ts";
import { addConnectOptions, ToolError, withKafka } from "./connect.ts";
import { groupsOf } from "./group-queries.ts";
import { alterQuotas, quotaPartsOf, quotasText, type TypedEntity } from "./quotas.ts";
import { addTool, runsAs } from "./tool.ts";
import { readNamed } from "../input-file.ts";

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
  ["client-metrics", "client-metric"],
  ["groups", "group"],
]);

export function addKafkaConfigs(program: Command, session: Session): void {
  const command = addConfigOptions(addTool(program, "kafka-configs", "configs"));
  // Names belong to types by their order, which is lost once the options are parsed.
  const names: (string | null)[] = [];
  command.on("option:entity-name", (name: string) => names.push(name));
  command.on("option:entity-default", () => names.push(null));
  runsAs<ConfigOptions>(addConnectOptions(command), {
    session,
    tell: (reason) => session.note(reason),
    check: (given, options) => checkConfigOptions(given, options, typedEntity(options, names)),
    run: (options) =>
      withKafka(session, options, (client) =>
        run(session, client, typedEntity(options, names), options),
      ),
  });
}

const NOT_IN_EFFECT = "Nodes of kedge keep and show quotas; they hold nobody to them yet.\n";

async function run(
  session: Session,
  client: KafkaClient,
  whose: TypedEntity,
  options: ConfigOptions,
): Promise<void> {
  const action = actionOf(options);
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

function entityOf({ types: [word = ""], names: [name] }: TypedEntity): Entity {
  const type = types.get(word);
  if (!type) throw new ToolError(`Unsupported entity type: ${word}`);
  return { type, name: name === undefined ? null : (name ?? "") };
}

async function describe(
  { io: { stdout } }: Session,
  client: KafkaClient,
  { type, name }: Entity,
  all: boolean,
): Promise<void> {
  if (name !== null && name !== "" && !all && !(await isThere(client, type, name)))
    return stdout.write(`The ${type} '${name}' doesn't exist and doesn't have dynamic config.\n`);
  const names = name === null ? await everyName(client, type) : [name];
  const includeSynonyms = true;
  for (const each of names) {
    const [entries = []] = await configsOf(client, type, [each], { includeSynonyms });
    const shown = all ? entries : entries.filter((entry) => isOwn(type, each, entry));
    const lines = shown
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .map((entry) => `  ${entryText(entry)}\n`);
    const head =
      each === ""
        ? `Default configs for ${type}s in the cluster are:\n`
        : `${all ? "All" : "Dynamic"} configs for ${type} ${each} are:\n`;
    await stdout.write(`${head}${lines.join("")}`);
  }
}

async function everyName(client: KafkaClient, type: ResourceType): Promise<readonly string[]> {
  switch (type) {
    case "topic":
      return (await client.topics(null)).map(({ name }) => name).toSorted();
    case "broker":
    case "broker-logger":
      return [...(await client.brokers()).map(String), ""];
    case "client-metric":
      return resourceNames(client, type);
    case "group": {
      const groups = (await groupsOf(client)).map(({ group }) => group);
      return [...new Set([...groups, ...(await resourceNames(client, type))])].toSorted();
    }
    default:
      return type satisfies never;
  }
}

async function isThere(client: KafkaClient, type: ResourceType, name: string): Promise<boolean> {
  if (type === "topic" && !/^[a-zA-Z0-9._-]{1,249}$/.test(name))
    throw new ToolError(
      `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`,
    );
  return (await everyName(client, type)).includes(name);
}

/** Whether a config was set on this very thing. */
function isOwn(type: ResourceType, name: string, { source }: ConfigEntry): boolean {
  const isDefault = type === "broker" && name === "";
  const own = {
    topic: "DYNAMIC_TOPIC_CONFIG",
    broker: isDefault ? "DYNAMIC_DEFAULT_BROKER_CONFIG" : "DYNAMIC_BROKER_CONFIG",
    "broker-logger": "DYNAMIC_BROKER_LOGGER_CONFIG",
    "client-metric": "DYNAMIC_CLIENT_METRICS_CONFIG",
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
  options: ConfigOptions,
): Promise<void> {
  if (name === null) return;
  const { added, gone } = await changesOf(options);
  const configs = [
    ...Array.from(added, ([key, value]) => ({ name: key, configOperation: SET, value })),
    ...gone.map((key) => ({ name: key, configOperation: DELETE, value: null })),
  ];
  const resource = { resourceType: resourceTypes[type], resourceName: name, configs };
  const request = { resources: [resource], validateOnly: false };
  const isOfBroker = (type === "broker" || type === "broker-logger") && name !== "";
  if (isOfBroker) await mustBeThere(client, name);
  const target = isOfBroker
    ? ({ to: "broker", id: Number(name) } as const)
    : ({ to: "controller" } as const);
  await client.ask(target, incrementalAlterConfigs, request, ({ responses }) => {
    for (const { errorCode, errorMessage } of responses) check(errorCode, errorMessage);
  });
  const what =
    name === "" ? `default config for ${type}s in the cluster` : `config for ${type} ${name}`;
  await stdout.write(`Completed updating ${what}.\n`);
}

/** Kafka's tool waits for such a broker until its time is up. */
async function mustBeThere(client: KafkaClient, id: string): Promise<void> {
  const there = (await client.brokers()).map(String);
  if (!there.includes(id))
    throw new ToolError(`There is no broker ${id}; there is ${there.join(", ")}.`);
}

async function changesOf({ addConfig, addConfigFile, deleteConfig = [] }: ConfigOptions) {
  const added = new Map(pairs(addConfig ?? ""));
  if (addConfigFile !== undefined)
    for (const [key, value] of parseProperties(await readNamed(addConfigFile, "--add-config-file")))
      added.set(key, value);
  const gone = deleteConfig
    .flatMap((names) => names.split(","))
    .map((text) => text.trim())
    .filter((key) => key !== "");
  for (const key of added.keys())
    if (!/^[$a-zA-Z0-9._-]*$/.test(key))
      throw new ToolError(`Invalid character found for config key: ${key}`);
  return { added, gone };
}

/** `a=1,b=[x,y]`: commas within brackets belong to the value. */
function* pairs(text: string): Iterable<readonly [string, string]> {
  for (const part of text.split(/,(?![^[]*\])/)) {
    if (part.trim() === "") continue;
    const at = part.indexOf("=");
    if (at < 1)
      throw new ToolError(
        'requirement failed: Invalid entity config: all configs to be added must be in the format "key=val" or  "key=[val1,val2]" to group values which contain commas.',
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
