/**
 * Settings that are kept under a name of the caller's choice: those of single groups, and what clients are asked to measure
 * (KIP-714; kept for the tools, since no client is asked yet).
 */
import type { Command } from "../../cluster/commands.ts";
import type { Image } from "../../cluster/image.ts";
import type { GroupConfig } from "../../coordinators/groups/group.ts";
import { defaultGroupConfig } from "../../coordinators/groups/group.ts";
import { Refusal } from "../../lib/refusal.ts";
import type { RefusalName } from "../../lib/refusal.ts";
import type { ConfigType } from "../../log/configs/definitions.ts";
import { type Changeable, changed, checkChanges, configCommands } from "./changes.ts";
import type { ConfigChange, ConfigEntry, ConfigSynonym } from "./verbs.ts";
import { entryOf } from "./topic.ts";

interface NamedDefinition {
  readonly name: string;
  readonly type: ConfigType;
  readonly doc: string;
  /** What holds where nobody set it. */
  readonly inherited: ConfigSynonym;
  /** What it takes, in words; null where the value is fine. */
  readonly wrong: (value: string) => { readonly code: RefusalName; readonly why: string } | null;
}

/** One kind of resource. */
export interface NamedConfigs {
  readonly resource: "group" | "client-metrics";
  readonly definitions: readonly NamedDefinition[];
  /** The code for a setting that there is not. */
  readonly unknown: RefusalName;
}

/** Kafka's bounds (`group.consumer.min.session.timeout.ms` and its like). */
const bounds = {
  session: [45_000, 60_000],
  heartbeat: [5_000, 15_000],
  assignment: [0, 15_000],
} as const;

export function groupConfigs({ consumer }: GroupConfig): NamedConfigs {
  const defaults = defaultGroupConfig.consumer;
  const setting = (
    name: string,
    now: number,
    fallback: number,
    [least, most]: readonly [number, number],
    doc: string,
  ): NamedDefinition => ({
    name,
    type: "int",
    doc,
    inherited: {
      name: `group.${name}`,
      value: String(now),
      source: now === fallback ? "default" : "node",
    },
    wrong: (value) => outside(name, value, least, most, "invalid_config"),
  });
  return {
    resource: "group",
    unknown: "invalid_config",
    definitions: [
      setting(
        "consumer.session.timeout.ms",
        consumer.sessionTimeoutMs,
        defaults.sessionTimeoutMs,
        bounds.session,
        "How long a member of this consumer group may be silent.",
      ),
      setting(
        "consumer.heartbeat.interval.ms",
        consumer.heartbeatIntervalMs,
        defaults.heartbeatIntervalMs,
        bounds.heartbeat,
        "How often this consumer group's members are to be heard of.",
      ),
      setting(
        "consumer.assignment.interval.ms",
        consumer.assignmentIntervalMs,
        defaults.assignmentIntervalMs,
        bounds.assignment,
        "The least time between two assignments of this consumer group.",
      ),
    ],
  };
}

const matchable = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
];

const byDefault = (name: string, value: string): ConfigSynonym => ({
  name,
  value,
  source: "default",
});

export const metricsConfigs: NamedConfigs = {
  resource: "client-metrics",
  unknown: "invalid_request",
  definitions: [
    {
      name: "interval.ms",
      type: "int",
      doc: "How often clients are to tell their metrics.",
      inherited: byDefault("interval.ms", "300000"),
      wrong: (value) => outside("interval.ms", value, 100, 3_600_000, "invalid_request"),
    },
    {
      name: "match",
      type: "list",
      doc: "Which clients are asked: `name=pattern`, all of which must hold.",
      inherited: byDefault("match", ""),
      wrong: (value) =>
        value.split(",").every((each) => each === "" || isMatch(each))
          ? null
          : { code: "invalid_config", why: `match takes ${matchable.join(", ")}, each =pattern.` },
    },
    {
      name: "metrics",
      type: "list",
      doc: "The beginnings of the names of metrics that are wanted.",
      inherited: byDefault("metrics", ""),
      wrong: () => null,
    },
  ],
};

function isMatch(text: string): boolean {
  const at = text.indexOf("=");
  return at > 0 && at < text.length - 1 && matchable.includes(text.slice(0, at).trim());
}

function outside(name: string, value: string, least: number, most: number, code: RefusalName) {
  const number = /^-?\d{1,10}$/.test(value.trim()) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return null;
  return { code, why: `${name} is a whole number from ${least} to ${most}, not "${value}".` };
}

export function namedEntries(
  { resource, definitions }: NamedConfigs,
  image: Image,
  name: string,
): readonly ConfigEntry[] {
  checkNamed(name);
  const own = image.configs(resource, name);
  return definitions.map(({ inherited, ...shown }) => {
    const value = own.get(shown.name);
    const set: ConfigSynonym[] =
      value === undefined ? [] : [{ name: shown.name, value, source: resource }];
    const { type, doc } = shown;
    // Of client metrics Kafka tells no default among the synonyms: no node has one.
    const synonyms = resource === "client-metrics" ? set : [...set, inherited];
    return entryOf({ name: shown.name, type, doc, readOnly: false }, synonyms, inherited.value);
  });
}

function checkNamed(name: string): void {
  if (name === "") throw new Refusal("invalid_request", "There are no defaults for all of them.");
}

export function checkNamedChanges(
  configs: NamedConfigs,
  name: string,
  changes: readonly ConfigChange[],
): void {
  checkNamed(name);
  checkChanges(changes, changeableIn(configs));
  for (const { name, operation } of changes) {
    if (operation === "delete" || changeableIn(configs)(name)) continue;
    const known = configs.definitions.map((each) => each.name).join(", ");
    throw new Refusal(configs.unknown, `There is no config "${name}" here, but ${known}.`);
  }
}

export function namedChangeCommands(
  configs: NamedConfigs,
  image: Image,
  name: string,
  changes: readonly ConfigChange[],
  replace: boolean,
): Command[] {
  const { resource, definitions } = configs;
  const after = changed(image.configs(resource, name), changes, replace, changeableIn(configs));
  for (const definition of definitions) {
    const value = after.get(definition.name);
    const wrong = value === undefined ? null : definition.wrong(value);
    if (wrong) throw new Refusal(wrong.code, wrong.why);
  }
  return configCommands(image, resource, name, after);
}

function changeableIn({ definitions }: NamedConfigs): (name: string) => Changeable | null {
  return (name) => {
    const found = definitions.find((each) => each.name === name);
    return found ? { type: found.type, inherited: found.inherited.value ?? "" } : null;
  };
}
