/**
 * The configs of one topic, from text to types: checked against their definitions, with a refusal that says what is allowed.
 *
 * - A value comes from the topic, else from the node (Kafka's broker-level synonym), else from the default.
 * - Values are kept and shown as text, exactly as they were given.
 */
import { Refusal } from "../../lib/refusal.ts";
import { type ConfigDefinition, topicConfigs } from "./definitions.ts";

const byName: ReadonlyMap<string, ConfigDefinition> = new Map(
  topicConfigs.map((definition) => [definition.name, definition]),
);

/** Values by config name, as text. */
export type ConfigValues = Readonly<Record<string, string>>;

/** The configs that the log obeys; "for ever" and "without limit" are Infinity. */
export interface TopicConfig {
  readonly compact: boolean;
  readonly delete: boolean;
  readonly compressionType: "producer" | "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly deleteRetentionMs: number;
  readonly relaxed: boolean;
  readonly compactionLagMinMs: number;
  readonly compactionLagMaxMs: number;
  readonly messageBytesMax: number;
  readonly timestampType: "create" | "append";
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly cleanableDirtyRatioMin: number;
  readonly inSyncReplicasMin: number;
  readonly retentionBytes: number;
  readonly retentionMs: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly uncleanLeaderElection: boolean;
}

/**
 * The typed config of a topic: its own values over the node's over the defaults.
 * @throws Refusal invalid_config for an unknown name or a value that is not allowed; it says what is.
 */
export function parseTopicConfig(overrides: ConfigValues, nodeDefaults: ConfigValues): TopicConfig {
  const known = parsed.get(nodeDefaults) ?? new Map<string, TopicConfig>();
  const key = JSON.stringify(overrides);
  const found = known.get(key);
  if (found) return found;
  const config = parseAnew(overrides, nodeDefaults);
  if (known.size >= PARSED_MAX) known.clear();
  known.set(key, config);
  parsed.set(nodeDefaults, known);
  return config;
}

/** Parsed configs by the node's defaults, then by the topic's values: every partition asks, and most topics are alike. */
const parsed = new WeakMap<ConfigValues, Map<string, TopicConfig>>();
const PARSED_MAX = 1000;

function parseAnew(overrides: ConfigValues, nodeDefaults: ConfigValues): TopicConfig {
  for (const name of Object.keys(overrides)) definitionOf(name);
  const text = (name: string) => valueOf(definitionOf(name), overrides, nodeDefaults).value;
  const number = (name: string) => checkNumber(definitionOf(name), text(name));
  const word = (name: string) => checkWord(definitionOf(name), text(name));
  for (const definition of topicConfigs) check(definition, text(definition.name));
  const policies = listOf(text("cleanup.policy"));
  const config: TopicConfig = {
    compact: policies.includes("compact"),
    delete: policies.includes("delete"),
    compressionType: codecOf(word("compression.type")),
    deleteRetentionMs: number("delete.retention.ms"),
    relaxed: word("kedge.durability") === "relaxed",
    compactionLagMinMs: number("min.compaction.lag.ms"),
    compactionLagMaxMs: number("max.compaction.lag.ms"),
    messageBytesMax: number("max.message.bytes"),
    timestampType: word("message.timestamp.type") === "LogAppendTime" ? "append" : "create",
    timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    cleanableDirtyRatioMin: number("min.cleanable.dirty.ratio"),
    inSyncReplicasMin: number("min.insync.replicas"),
    retentionBytes: unlimited(number("retention.bytes")),
    retentionMs: unlimited(number("retention.ms")),
    segmentBytes: number("segment.bytes"),
    segmentMs: number("segment.ms"),
    uncleanLeaderElection: word("unclean.leader.election.enable") === "true",
  };
  if (config.compactionLagMinMs > config.compactionLagMaxMs) {
    throw new Refusal(
      "invalid_config",
      "min.compaction.lag.ms must not be greater than max.compaction.lag.ms.",
    );
  }
  return config;
}

/**
 * Refuses of values that are newly set what a folder of before may still hold: nothing between two commas of a list of words, and
 * a number that is none of its range.
 */
export function checkNewValues(values: ConfigValues): void {
  for (const [name, text] of Object.entries(values)) {
    const definition = byName.get(name);
    if (definition?.type === "list" && definition.words && listOf(text).includes(""))
      refuse(definition, text);
    if (definition?.except !== undefined && Number(text) === definition.except)
      refuse(definition, text);
  }
}

/** Every config of a topic by name, with its value as text and where that comes from. */
export function describeTopicConfig(
  overrides: ConfigValues,
  nodeDefaults: ConfigValues,
): { name: string; value: string; source: "topic" | "node" | "default" }[] {
  return topicConfigs.map((definition) => valueOf(definition, overrides, nodeDefaults));
}

/** Node defaults by topic config name, from the node's own configs (`log.retention.ms` gives `retention.ms`). */
export function nodeDefaultsFrom(nodeConfigs: ConfigValues): ConfigValues {
  const defaults: Record<string, string> = {};
  for (const { name, node } of topicConfigs) {
    const value = node === null ? undefined : nodeConfigs[node];
    if (value !== undefined) defaults[name] = value;
  }
  return defaults;
}

function valueOf(definition: ConfigDefinition, overrides: ConfigValues, node: ConfigValues) {
  const { name } = definition;
  const own = Object.hasOwn(overrides, name) ? overrides[name] : undefined;
  if (own !== undefined) return { name, value: own, source: "topic" as const };
  const inherited = Object.hasOwn(node, name) ? node[name] : undefined;
  if (inherited !== undefined) return { name, value: inherited, source: "node" as const };
  return { name, value: definition.default, source: "default" as const };
}

function definitionOf(name: string): ConfigDefinition {
  const definition = byName.get(name);
  if (definition) return definition;
  const first = name.split(".")[0] ?? "";
  const close = [...byName.keys()].filter((known) => known.startsWith(`${first}.`));
  const hint = close.length > 0 ? ` Did you mean one of ${close.join(", ")}?` : "";
  throw new Refusal("invalid_config", `There is no topic config "${name}".${hint}`);
}

const LONG_LEAST = -(2n ** 63n);
const LONG_GREATEST = 2n ** 63n - 1n;
const INT_LEAST = -(2n ** 31n);
const INT_GREATEST = 2n ** 31n - 1n;

function check(definition: ConfigDefinition, text: string): void {
  const { refused, form } = definition;
  if (refused && text.trim().toLowerCase() === refused.value) {
    throw new Refusal("invalid_config", refused.why, { config: definition.name });
  }
  switch (definition.type) {
    case "int":
    case "long":
    case "double":
      checkNumber(definition, text);
      break;
    case "boolean":
    case "string":
      checkWord(definition, text);
      break;
    case "list": {
      const words = listOf(text).filter((word) => word !== "");
      if (form) {
        const isAll = words.length === 1 && words[0] === "*";
        if (!isAll && !words.every((word) => form.each.test(word))) refuse(definition, text);
        break;
      }
      for (const word of words) if (!definition.words?.includes(word)) refuse(definition, text);
    }
  }
}

/** The number that the text says; what passes 2^53 is Infinity, since it only ever means "without limit". */
function checkNumber(definition: ConfigDefinition, text: string): number {
  const trimmed = text.trim();
  let number = Number(trimmed);
  if (definition.type === "double") {
    if (trimmed === "" || !Number.isFinite(number)) refuse(definition, text);
  } else {
    if (!/^[+-]?\d{1,19}$/.test(trimmed)) refuse(definition, text);
    const exact = BigInt(trimmed.replace(/^\+/, ""));
    const [least, greatest] =
      definition.type === "int" ? [INT_LEAST, INT_GREATEST] : [LONG_LEAST, LONG_GREATEST];
    if (exact < least || exact > greatest) refuse(definition, text);
    if (number > Number.MAX_SAFE_INTEGER) number = Infinity;
  }
  const { least = -Infinity, greatest = Infinity } = definition;
  if (number < least || number > greatest) refuse(definition, text);
  return number;
}

function checkWord(definition: ConfigDefinition, text: string): string {
  if (definition.type === "boolean") {
    const word = text.trim().toLowerCase();
    return word === "true" || word === "false" ? word : refuse(definition, text);
  }
  return definition.words?.includes(text) ? text : refuse(definition, text);
}

function refuse(definition: ConfigDefinition, text: string): never {
  throw new Refusal(
    "invalid_config",
    `${definition.name} cannot be ${JSON.stringify(text)}: it takes ${allowed(definition)}.`,
    { config: definition.name },
  );
}

/** What a config takes, in words. */
function allowed({ type, least, greatest, except, words = [], form }: ConfigDefinition): string {
  if (form) return `a comma-separated list of ${form.said}, or * alone`;
  if (type === "boolean") return "true or false";
  if (type === "string") return `one of ${words.join(", ")}`;
  if (type === "list") return `a comma-separated list of ${words.join(", ")}`;
  const kind = type === "double" ? "a number" : "a whole number";
  if (least !== undefined && greatest !== undefined) {
    const but = except === undefined ? "" : ` but ${except}`;
    return `${kind} from ${least} to ${greatest}${but}`;
  }
  return least === undefined ? kind : `${kind} of at least ${least}`;
}

/** The words of a list as Kafka parses it: nothing is an empty list, and only between commas a word may be empty. */
function listOf(text: string): string[] {
  const trimmed = text.trim();
  return trimmed === "" ? [] : trimmed.split(",").map((word) => word.trim());
}

/** A value as Kafka shows it, which is what it was parsed to: without spaces, and no word of a list of known words twice. */
export function shownValue({ type, words }: ConfigDefinition, text: string): string {
  switch (type) {
    case "list":
      return (words ? [...new Set(listOf(text))] : listOf(text)).join(",");
    case "int":
    case "long":
      return String(BigInt(text.trim().replace(/^\+/, "")));
    case "boolean":
      return text.trim().toLowerCase();
    case "double":
      return javaDouble(Number(text));
    case "string":
      return text;
    default:
      return type satisfies never;
  }
}

/** As Java writes it: "1.0", "1.0E-4". */
function javaDouble(number: number): string {
  const pointed = (digits: string) => (digits.includes(".") ? digits : `${digits}.0`);
  const size = Math.abs(number);
  if (size === 0 || (size >= 1e-3 && size < 1e7)) return pointed(String(number));
  const [digits = "", exponent] = number.toExponential().split("e");
  return `${pointed(digits)}E${Number(exponent)}`;
}

function codecOf(word: string): TopicConfig["compressionType"] {
  switch (word) {
    case "gzip":
    case "snappy":
    case "lz4":
    case "zstd":
    case "producer":
      return word;
    default:
      return "none";
  }
}

function unlimited(value: number): number {
  return value < 0 ? Infinity : value;
}
