/**
 * The settings of a topic, each with where its value comes from.
 *
 * - A setting that is unknown is refused when it is set, and ignored when it is deleted, as in Kafka.
 */
import type { Command } from "../../cluster/commands.ts";
import type { Image } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type ConfigDefinition, topicConfigs } from "../../log/configs/definitions.ts";
import {
  checkNewValues,
  type ConfigValues,
  parseTopicConfig,
  shownValue,
} from "../../log/configs/topic-config.ts";
import { type Changeable, changed, checkChanges, configCommands } from "./changes.ts";
import type { ConfigChange, ConfigEntry, ConfigSynonym } from "./verbs.ts";
import { knownByRule } from "../topics/rules.ts";

const byName: ReadonlyMap<string, ConfigDefinition> = new Map(
  topicConfigs.map((definition) => [definition.name, definition]),
);

/** Where the defaults of topics come from. */
export interface DefaultsSources {
  readonly image: Image;
  readonly nodeId: number;
  /** What the node was told when it started, by the topic config's name. */
  readonly fixed: ConfigValues;
}

export function topicEntries(topic: string, sources: DefaultsSources): readonly ConfigEntry[] {
  const own = sources.image.configs("topic", knownByRule(sources.image, topic).name);
  return topicConfigs.map((definition) => {
    const { name, type, doc } = definition;
    const value = own.get(name);
    const inherited = defaultSynonyms(definition, sources);
    const set: ConfigSynonym[] =
      value === undefined ? [] : [{ name, value: shownValue(definition, value), source: "topic" }];
    return entryOf(
      { name, type, doc, readOnly: false },
      [...set, ...inherited],
      definition.default,
    );
  });
}

/** The default of a topic's setting as the node has it: set for this node, for all, at its start, or by nobody. */
export function defaultSynonyms(
  { name, node, nodeUnset, default: fallback }: ConfigDefinition,
  { image, nodeId, fixed }: DefaultsSources,
): ConfigSynonym[] {
  if (node === null) return [];
  const here = image.configs("broker", String(nodeId)).get(node);
  const everywhere = image.configs("broker", "").get(node);
  const atStart = fixed[name];
  const synonyms: ConfigSynonym[] = [];
  if (here !== undefined) synonyms.push({ name: node, value: here, source: "this-node" });
  if (everywhere !== undefined) {
    synonyms.push({ name: node, value: everywhere, source: "all-nodes" });
  }
  if (atStart !== undefined) synonyms.push({ name: node, value: atStart, source: "node" });
  return nodeUnset ? synonyms : [...synonyms, { name: node, value: fallback, source: "default" }];
}

/** A setting whose value is that of its first synonym, else the default. */
export function entryOf(
  shown: Pick<ConfigEntry, "name" | "type" | "doc" | "readOnly">,
  synonyms: readonly ConfigSynonym[],
  fallback: string | null = null,
): ConfigEntry {
  const { value, source } = synonyms[0] ?? { value: fallback, source: "default" as const };
  return { ...shown, value, source, synonyms };
}

export function checkTopicChanges(changes: readonly ConfigChange[]): void {
  checkChanges(changes, changeableIn({}));
  const stranger = changes.find(
    ({ name, operation }) => operation !== "delete" && !byName.has(name),
  );
  if (stranger) {
    throw new Refusal("invalid_config", `There is no topic config "${stranger.name}".`);
  }
}

export function topicChangeCommands(
  image: Image,
  name: string,
  changes: readonly ConfigChange[],
  replace: boolean,
  defaults: ConfigValues,
): Command[] {
  const topic = knownByRule(image, name).name;
  const before = image.configs("topic", topic);
  const after = changed(before, changes, replace, changeableIn(defaults));
  const fresh = [...after].filter(([key, value]) => before.get(key) !== value);
  checkNewValues(Object.fromEntries(fresh));
  parseTopicConfig(Object.fromEntries(after), defaults);
  return configCommands(image, "topic", topic, after);
}

function changeableIn(defaults: ConfigValues): (name: string) => Changeable | null {
  return (name) => {
    const definition = byName.get(name);
    if (!definition) return null;
    return { type: definition.type, inherited: defaults[name] ?? definition.default };
  };
}
