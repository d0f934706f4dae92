/**
 * Settings one by one, and partitions added to a topic, by Kafka's rules.
 *
 * - What is appended or subtracted is decided in the controller's turn, so that two who change one list both count.
 * - A topic's setting that is unknown is refused when it is set, and ignored when it is deleted, as in Kafka.
 * - Replicas that are given by hand are checked and, with one node, can only be those that would have been chosen.
 * - Left out: settings of a node that change while it runs (`invalid_request`, as Kafka for its read-only ones).
 */
import type { Command } from "../cluster/commands.ts";
import type { Image } from "../cluster/image.ts";
import { Refusal } from "../lib/refusal.ts";
import { type ConfigDefinition, topicConfigs } from "../log/config-definitions.ts";
import { type ConfigValues, parseTopicConfig } from "../log/topic-config.ts";
import { checkMayChange } from "./access.ts";
import type { AdminVerbs, ConfigChange, ConfigEntry, ConfigSynonym } from "./admin-verbs.ts";
import { checkPartitions, checkReplicas, checkRoom, known } from "./topic-rules.ts";
import { type TopicsOptions, configCommand, newPartitions } from "./topics.ts";

const byName: ReadonlyMap<string, ConfigDefinition> = new Map(
  topicConfigs.map((definition) => [definition.name, definition]),
);

export function adminVerbs(options: TopicsOptions): AdminVerbs {
  const { controller, logs, configDefaults } = options;
  const { image } = controller;
  const submit = async (decide: (image: Image) => Command[]): Promise<void> => {
    await controller.submit(decide);
    await logs.settled();
  };
  return {
    describeTopicConfigs(_context, name) {
      const own = image.configs("topic", known(image, name).name);
      return topicConfigs.map((definition) =>
        entry(definition, definition.name, own.get(definition.name), configDefaults),
      );
    },
    describeNodeConfigs: () => nodeEntries(options),
    async alterTopicConfigs(_context, name, changes, { replace, validateOnly }) {
      checkMayChange(name);
      checkChanges(changes);
      const decide = (image: Image) =>
        changeCommands(image, known(image, name).name, changes, replace, configDefaults);
      if (validateOnly) decide(image);
      else await submit(decide);
    },
    async addPartitions(_context, name, count, { assignments, validateOnly }) {
      checkMayChange(name);
      const decide = (image: Image) => growCommands(image, name, count, assignments);
      if (validateOnly) decide(image);
      else await submit(decide);
    },
    checkReplicas: (_context, replicas) => checkReplicas(image, replicas),
  };
}

function checkChanges(changes: readonly ConfigChange[]): void {
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    throw new Refusal("invalid_request", "A config is named twice.");
  }
  for (const { name, operation, value } of changes) {
    if (operation === "delete") continue;
    if (value === null) throw new Refusal("invalid_request", `${name} is null; delete it instead.`);
    const definition = byName.get(name);
    if (!definition) throw new Refusal("invalid_config", `There is no topic config "${name}".`);
    if (operation !== "set" && definition.type !== "list") {
      throw new Refusal("invalid_config", `${name} is no list: it can only be set or deleted.`);
    }
  }
}

function changeCommands(
  image: Image,
  topic: string,
  changes: readonly ConfigChange[],
  replace: boolean,
  configDefaults: ConfigValues,
): Command[] {
  const before = image.configs("topic", topic);
  const after = new Map(replace ? [] : before);
  for (const { name, operation, value } of changes) {
    if (operation === "delete" || value === null) after.delete(name);
    else if (operation === "set") after.set(name, value);
    else {
      const current = after.get(name) ?? configDefaults[name] ?? byName.get(name)?.default ?? "";
      after.set(name, joinedList(current, operation, value));
    }
  }
  parseTopicConfig(Object.fromEntries(after), configDefaults);
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => configCommand(topic, key, after.get(key) ?? null));
}

function joinedList(current: string, operation: "append" | "subtract", value: string): string {
  const words = (text: string) => text.split(",").filter((word) => word !== "");
  const given = words(value);
  const kept = words(current);
  if (operation === "subtract") return kept.filter((word) => !given.includes(word)).join(",");
  return [...new Set([...kept, ...given])].join(",");
}

function growCommands(
  image: Image,
  name: string,
  count: number,
  assignments: readonly (readonly number[])[] | null,
): Command[] {
  const topic = known(image, name);
  const current = topic.partitions.length;
  if (count <= current) {
    throw new Refusal(
      "invalid_partitions",
      `"${name}" has ${current} partitions; ${count} would not be more.`,
      { partitions: current },
    );
  }
  checkPartitions(count);
  checkRoom(image, count - current);
  if (assignments && assignments.length !== count - current) {
    throw new Refusal(
      "invalid_replica_assignment",
      `${count - current} partitions would be added, but replicas are given for ${assignments.length}.`,
    );
  }
  for (const replicas of assignments ?? []) checkReplicas(image, replicas);
  return newPartitions(image, topic.id, current, count, topic.partitions[0]?.replicas.length ?? 1);
}

/** A config as it stands: its own value over the node's over the default. */
function entry(
  definition: ConfigDefinition,
  name: string,
  own: string | undefined,
  configDefaults: ConfigValues,
): ConfigEntry {
  const { type, doc, node } = definition;
  const inherited = configDefaults[definition.name];
  const synonyms: ConfigSynonym[] = [{ name: node, value: definition.default, source: "default" }];
  if (inherited !== undefined) synonyms.unshift({ name: node, value: inherited, source: "node" });
  if (own !== undefined) synonyms.unshift({ name, value: own, source: "topic" });
  const [{ value, source } = { value: definition.default, source: "default" as const }] = synonyms;
  return { name, value, source, readOnly: false, type, doc, synonyms };
}

/** The node's defaults for topics under their own names, and the few others that tools ask for. */
function nodeEntries({ controller, configDefaults, partitionsDefault }: TopicsOptions) {
  const own = (name: string, value: number, doc: string): ConfigEntry => {
    const text = String(value);
    const synonyms = [{ name, value: text, source: "node" as const }];
    return { name, value: text, source: "node", readOnly: true, type: "int", doc, synonyms };
  };
  const { nodeId } = controller;
  return [
    own("broker.id", nodeId, "This node."),
    own("node.id", nodeId, "This node."),
    own("num.partitions", partitionsDefault, "Partitions of a topic that does not say."),
    ...topicConfigs.map((definition) => ({
      ...entry(definition, definition.node, undefined, configDefaults),
      readOnly: true,
    })),
  ];
}
