/**
 * The settings of this node, and those of all nodes (the node named ""), in Kafka's words.
 *
 * - While the node runs the defaults of topics can be changed, for this node or for all; everything else waits for its next
 *   start, and is refused with that; to delete it changes nothing, and is taken as in Kafka. The rates for moves of replicas are
 *   kept for the tools that set and clear them.
 */
import type { Command } from "../../cluster/commands.ts";
import type { Image } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import { type ConfigDefinition, topicConfigs } from "../../log/configs/definitions.ts";
import { mergedDefaults } from "../../log/configs/topic-defaults.ts";
import { parseTopicConfig } from "../../log/configs/topic-config.ts";
import { checkIdle, idleSettings } from "./idle.ts";
import { type Changeable, changed, checkChanges, configCommands } from "./changes.ts";
import type { ConfigChange, ConfigEntry, ConfigSynonym, NodeSetting } from "./verbs.ts";
import { type DefaultsSources, defaultSynonyms, entryOf } from "./topic.ts";
import { checkThrottles, throttleEntries, throttleOf } from "./throttles.ts";

const byNode: ReadonlyMap<string, ConfigDefinition> = new Map(
  [...topicConfigs, ...idleSettings].flatMap((definition) =>
    definition.node === null ? [] : [[definition.node, definition] as const],
  ),
);

const MS_IN_HOUR = 3_600_000;
const RETENTION_HOURS = "168";

/** What is set for all nodes. */
export function allNodesEntries({ image }: DefaultsSources): readonly ConfigEntry[] {
  const set = image.configs("broker", "");
  const throttles = throttleEntries({ values: set, source: "all-nodes" });
  const defaults = [...set].flatMap(([name, value]) => {
    const definition = byNode.get(name);
    if (!definition) return [];
    const synonym = { name, value, source: "all-nodes" as const };
    return [
      entryOf({ name, type: definition.type, doc: definition.doc, readOnly: false }, [synonym]),
    ];
  });
  return [...defaults, ...throttles];
}

/** Everything that this node goes by. */
export function nodeEntries(
  sources: DefaultsSources,
  settings: readonly NodeSetting[],
): readonly ConfigEntry[] {
  const changeable = Array.from(byNode, ([name, definition]) => {
    const { type, doc } = definition;
    return entryOf({ name, type, doc, readOnly: false }, defaultSynonyms(definition, sources));
  });
  const given = [...settings, ...ownSettings(sources)];
  const { image, nodeId } = sources;
  const throttles = throttleEntries(
    { values: image.configs("broker", String(nodeId)), source: "this-node" },
    { values: image.configs("broker", ""), source: "all-nodes" },
  );
  return [...given.map(fixedEntry), ...changeable, ...throttles];
}

function fixedEntry({ name, value, type, said, fallback, doc }: NodeSetting): ConfigEntry {
  const source = said ? "node" : "default";
  const synonyms: ConfigSynonym[] = value === null ? [] : [{ name, value, source }];
  if (said && fallback !== null) synonyms.push({ name, value: fallback, source: "default" });
  return { name, value, source, readOnly: true, type, doc, synonyms };
}

/** In hours what the node was told, where it can be said in them; Kafka's finer settings, and those of a node that runs, leave them. */
function hoursOf(retentionMs: string | undefined): string | null {
  const hours = Number(retentionMs) / MS_IN_HOUR;
  if (Number(retentionMs) < 0) return "-1";
  return Number.isInteger(hours) && hours > 0 ? String(hours) : null;
}

/** What no flag says and tools ask for all the same. */
function ownSettings({ image, nodeId, fixed }: DefaultsSources): NodeSetting[] {
  const setting = (
    name: string,
    value: string | null,
    type: NodeSetting["type"],
    doc: string,
    said = false,
    fallback: string | null = null,
  ): NodeSetting => ({ name, value, type, said, fallback, doc });
  const replicas = String(Math.min(3, image.brokers.size));
  const hours = hoursOf(fixed["retention.ms"]);
  const internal = "Replicas of each partition of the node's own topics.";
  return [
    setting("broker.id", String(nodeId), "int", "This node.", true, "-1"),
    setting("node.id", String(nodeId), "int", "This node.", true),
    setting("process.roles", "broker,controller", "list", "What this node does.", true),
    setting("broker.rack", null, "string", "Where this node stands."),
    setting("authorizer.class.name", "", "string", "Access rules are not in use."),
    setting("delete.topic.enable", "true", "boolean", "Topics can be deleted."),
    setting(
      "default.replication.factor",
      replicas,
      "int",
      "Replicas of a topic that does not say.",
    ),
    setting("offsets.topic.replication.factor", replicas, "short", internal),
    setting("transaction.state.log.replication.factor", replicas, "short", internal),
    setting(
      "log.retention.hours",
      hours ?? RETENTION_HOURS,
      "int",
      "`log.retention.ms` goes before it.",
      hours !== null,
      RETENTION_HOURS,
    ),
    setting("log.retention.minutes", null, "int", "`log.retention.ms` goes before it."),
  ];
}

/** Refuses what cannot be changed while the node runs. */
export function checkNodeChanges(
  name: string,
  changes: readonly ConfigChange[],
  settings: readonly Pick<NodeSetting, "name">[],
): void {
  checkChanges(changes, changeable);
  checkThrottles(changes);
  // With eligible leader replicas (KIP-966) all nodes must agree on it.
  if (name !== "" && changes.some((change) => change.name === "min.insync.replicas"))
    throw new Refusal("invalid_config", "min.insync.replicas is set for all nodes, or by topic.");
  const fixed = changes.filter(
    ({ name, operation }) => operation !== "delete" && changeable(name) === null,
  );
  if (fixed.length === 0) return;
  const known = new Set(settings.map(({ name }) => name));
  const list = fixed.map(({ name }) => name).join(", ");
  const why = fixed.every(({ name }) => known.has(name))
    ? `Start the node anew to change ${list}.`
    : `A node that runs takes new defaults of topics, such as log.retention.ms, and not ${list}.`;
  throw new Refusal("invalid_request", why);
}

export function nodeChangeCommands(
  sources: DefaultsSources,
  image: Image,
  name: string,
  changes: readonly ConfigChange[],
  replace: boolean,
): Command[] {
  const after = changed(image.configs("broker", name), changes, replace, changeable);
  const { fixed, nodeId } = sources;
  const everywhere = name === "" ? after : image.configs("broker", "");
  const here = name === "" ? image.configs("broker", String(nodeId)) : after;
  const defaults = mergedDefaults(fixed, everywhere, here);
  try {
    checkIdle(after);
    parseTopicConfig({}, defaults);
    // A topic's own values must still fit beside them.
    for (const topic of image.topics()) {
      const own = image.configs("topic", topic.name);
      if (own.size > 0) parseTopicConfig(Object.fromEntries(own), defaults);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal("invalid_request", error.message);
  }
  return configCommands(image, "broker", name, after);
}

function changeable(name: string): Changeable | null {
  const definition = byNode.get(name);
  return definition ? { type: definition.type, inherited: definition.default } : throttleOf(name);
}
