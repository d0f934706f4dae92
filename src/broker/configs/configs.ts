/**
 * The verbs on settings, resource by resource: each kind has its rules in a file of its own.
 */
import type { Command } from "../../cluster/commands.ts";
import type { Image } from "../../cluster/image.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { GroupConfig } from "../../coordinators/groups/group.ts";
import { checkMayChange } from "../access.ts";
import type {
  AlterConfigsOptions,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  ConfigVerbs,
  LogLevels,
  NodeSetting,
} from "./verbs.ts";
import { alterLogger, loggerEntries } from "./log-levels.ts";
import {
  checkNamedChanges,
  groupConfigs,
  metricsConfigs,
  type NamedConfigs,
  namedChangeCommands,
  namedEntries,
} from "./named.ts";
import { allNodesEntries, checkNodeChanges, nodeChangeCommands, nodeEntries } from "./node.ts";
import {
  checkTopicChanges,
  type DefaultsSources,
  topicChangeCommands,
  topicEntries,
} from "./topic.ts";
import { knownByRule } from "../topics/rules.ts";
import type { TopicsOptions } from "../topics/topics.ts";

export interface ConfigOptions extends Pick<TopicsOptions, "controller" | "logs"> {
  readonly sources: DefaultsSources;
  /** The defaults of topics as they stand. */
  readonly defaults: () => TopicsOptions["configDefaults"];
  readonly groupConfig: GroupConfig;
  readonly settings: readonly NodeSetting[];
  readonly logLevels: LogLevels | null;
}

export function configVerbs(options: ConfigOptions): ConfigVerbs {
  const { controller, logLevels } = options;
  const { image, nodeId } = controller;
  const kinds: Kinds = {
    group: groupConfigs(options.groupConfig),
    "client-metrics": metricsConfigs,
  };
  return {
    describe: (_context, resource) => describe(options, kinds, resource),
    alter: (_context, resource, changes, asked) => alter(options, kinds, resource, changes, asked),
    names(_context, type) {
      switch (type) {
        case "topic":
          return Array.from(image.topics(), ({ name }) => name);
        case "node":
          return [String(nodeId)];
        case "logger":
          return logLevels ? [String(nodeId)] : [];
        case "group":
        case "client-metrics":
          return image.configured(type);
        default:
          return type satisfies never;
      }
    },
  };
}

type Kinds = Readonly<Record<NamedConfigs["resource"], NamedConfigs>>;

function describe(
  { controller, sources, settings, logLevels }: ConfigOptions,
  kinds: Kinds,
  { type, name }: ConfigResource,
): readonly ConfigEntry[] {
  switch (type) {
    case "topic":
      return topicEntries(name, sources);
    case "node":
      if (name === "") return allNodesEntries(sources);
      checkNode(name, controller.nodeId);
      return nodeEntries(sources, settings);
    case "logger":
      checkNode(name, controller.nodeId);
      return loggerEntries(logLevels);
    case "group":
    case "client-metrics":
      return namedEntries(kinds[type], controller.image, name);
    default:
      return type satisfies never;
  }
}

async function alter(
  { controller, logs, sources, defaults, settings, logLevels }: ConfigOptions,
  kinds: Kinds,
  { type, name }: ConfigResource,
  changes: readonly ConfigChange[],
  { replace, validateOnly }: AlterConfigsOptions,
): Promise<void> {
  const submit = async (decide: (image: Image) => Command[]): Promise<void> => {
    if (validateOnly) decide(controller.image);
    else await controller.submit(decide);
    await logs.settled();
  };
  switch (type) {
    case "topic":
      if (name === "") throw new Refusal("invalid_request", "Topics have no common defaults.");
      checkMayChange(name);
      knownByRule(controller.image, name);
      checkTopicChanges(changes);
      return submit((image) => topicChangeCommands(image, name, changes, replace, defaults()));
    case "node":
      if (name !== "") checkNode(name, controller.nodeId);
      checkNodeChanges(name, changes, nodeEntries(sources, settings));
      return submit((image) =>
        nodeChangeCommands(sources, image, name && String(controller.nodeId), changes, replace),
      );
    case "logger":
      checkNode(name, controller.nodeId);
      if (replace) throw new Refusal("invalid_request", "Log levels are set one by one.");
      return alterLogger(logLevels, changes, validateOnly);
    case "group":
    case "client-metrics":
      checkNamedChanges(kinds[type], name, changes);
      return submit((image) => namedChangeCommands(kinds[type], image, name, changes, replace));
    default:
      return type satisfies never;
  }
}

/** As in Kafka, which reads a number: "01" is node 1. */
function checkNode(name: string, nodeId: number): void {
  if (/^[+-]?\d{1,10}$/.test(name) && Number(name) === nodeId) return;
  throw new Refusal("invalid_request", `This is node ${nodeId}; ask node "${name}" itself.`);
}
