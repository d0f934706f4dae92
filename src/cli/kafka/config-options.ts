/**
 * The options of kafka-configs.sh, the entity that they name, and how they go together: the rules of Kafka's tool, in its words.
 */
import type { Command } from "commander";
import { UsageError } from "../../lib/setting.ts";
import { gathered, oneAction, type ConnectOptions } from "./connect.ts";
import { type TypedEntity } from "./quotas.ts";
import { refuseWith, type Given } from "./tool.ts";

export interface ConfigOptions extends ConnectOptions {
  readonly describe?: boolean;
  readonly alter?: boolean;
  readonly all?: boolean;
  readonly entityType?: readonly string[];
  readonly topic?: string;
  readonly broker?: string;
  readonly brokerLogger?: string;
  readonly clientMetrics?: string;
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
  readonly deleteConfig?: readonly string[];
}

const types = [
  "topics",
  "clients",
  "users",
  "brokers",
  "ips",
  "client-metrics",
  "groups",
  "broker-loggers",
];
/** What has a default that stands for all that have no name here. */
const withDefault = ["users", "clients", "brokers", "ips"];

export function addConfigOptions(command: Command): Command {
  return command
    .option("--describe", "show configs")
    .option("--alter", "change configs")
    .option("--all", "show every config, not only those that were set")
    .option(
      "--entity-type <type>",
      `what has the configs: ${types.join(", ")}; users and clients also together`,
      gathered,
    )
    .option("--entity-name <name>", "which of them; may repeat, one for each type", gathered)
    .option("--entity-default", "the default of all of them")
    .option("--topic <name>", "short for --entity-type topics --entity-name")
    .option("--broker <id>", "short for --entity-type brokers --entity-name")
    .option("--broker-defaults", "short for --entity-type brokers --entity-default")
    .option("--broker-logger <id>", "short for --entity-type broker-loggers --entity-name")
    .option("--user <name>", "short for --entity-type users --entity-name")
    .option("--user-defaults", "short for --entity-type users --entity-default")
    .option("--client <id>", "short for --entity-type clients --entity-name")
    .option("--client-defaults", "short for --entity-type clients --entity-default")
    .option("--ip <address>", "short for --entity-type ips --entity-name")
    .option("--ip-defaults", "short for --entity-type ips --entity-default")
    .option("--client-metrics <name>", "short for --entity-type client-metrics --entity-name")
    .option("--group <id>", "short for --entity-type groups --entity-name")
    .option("--add-config <pairs>", "configs to set: name=value,…; [a,b] for a list")
    .option("--add-config-file <file>", "configs to set, as a properties file")
    .option("--delete-config <names>", "configs to go back to their defaults: name,…", gathered);
}

export function actionOf(options: ConfigOptions) {
  const words = "Command must include exactly one action: --describe, --alter";
  return oneAction(options, ["describe", "alter"] as const, words);
}

const shortForms: readonly (readonly [string, keyof ConfigOptions])[] = [
  ["topics", "topic"],
  ["clients", "client"],
  ["users", "user"],
  ["brokers", "broker"],
  ["broker-loggers", "brokerLogger"],
  ["ips", "ip"],
  ["client-metrics", "clientMetrics"],
  ["groups", "group"],
  ["clients", "clientDefaults"],
  ["users", "userDefaults"],
  ["brokers", "brokerDefaults"],
  ["ips", "ipDefaults"],
];

/** What was typed of an entity, the short forms written out; `names` are those of `--entity-name`, in order. */
export function typedEntity(
  options: ConfigOptions,
  names: readonly (string | null)[],
): TypedEntity {
  const short = shortForms.flatMap(([type, option]) => {
    const name = options[option];
    if (name === undefined || name === false) return [];
    return [[type, typeof name === "string" ? name : null] as const];
  });
  return {
    types: [...(options.entityType ?? []), ...short.map(([type]) => type)],
    names: [...names, ...short.map(([, name]) => name)],
  };
}

/** Throws UsageError for what does not go together, or is missing. */
export function checkConfigOptions(
  given: Given,
  options: ConfigOptions,
  { types: asked, names }: TypedEntity,
): void {
  const action = actionOf(options);
  refuseWith(given, "describe", "add-config", "add-config-file", "delete-config");
  refuseWith(given, "all", "alter");
  const twice = asked.filter((type, at) => asked.indexOf(type) < at);
  if (twice.length > 0)
    throw new UsageError(`Duplicate entity type(s) specified: ${twice.join(",")}`);
  const [type] = asked;
  if (type === undefined) throw new UsageError("At least one entity type must be specified");
  const unknown = asked.find((each) => !types.includes(each));
  if (unknown !== undefined)
    throw new UsageError(
      `Invalid entity type ${unknown}, the entity type must be one of ${types.join(", ")}`,
    );
  if (asked.length > 1 && asked.some((each) => each !== "users" && each !== "clients"))
    throw new UsageError("Only 'users' and 'clients' entity types may be specified together");
  if (names.length > asked.length)
    throw new UsageError("More entity names specified than entity types");
  checkNames(action, type, names);
  if (action === "alter") checkChanges(given, asked, names);
}

function checkNames(action: string, type: string, names: readonly (string | null)[]): void {
  const named = names.find((name) => name !== null);
  const isOfBroker = type === "brokers" || type === "broker-loggers";
  if (isOfBroker && typeof named === "string" && !/^[+-]?\d{1,10}$/.test(named))
    throw new UsageError(
      `The entity name for ${type} must be a valid integer broker id, but it is: ${named}`,
    );
  if (action !== "describe") return;
  if (names.includes(null) && !withDefault.includes(type))
    throw new UsageError(`--entity-default must not be specified with --describe of ${type}`);
  if (type === "broker-loggers" && named === undefined)
    throw new UsageError(`An entity name must be specified with --describe of ${type}`);
}

function checkChanges(
  given: Given,
  asked: readonly string[],
  names: readonly (string | null)[],
): void {
  const [type = ""] = asked;
  if (withDefault.includes(type)) {
    if (names.length === 0)
      throw new UsageError(
        "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips",
      );
  } else if (!names.some((name) => name !== null)) {
    throw new UsageError(`An entity name must be specified with --alter of ${asked.join(",")}`);
  }
  if (names.length < asked.length)
    throw new UsageError("An entity name must be specified for every entity type");
  if (given.has("add-config") && given.has("add-config-file"))
    throw new UsageError("Only one of --add-config or --add-config-file must be specified");
  if (!["add-config", "add-config-file", "delete-config"].some((option) => given.has(option)))
    throw new UsageError(
      "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter",
    );
}
