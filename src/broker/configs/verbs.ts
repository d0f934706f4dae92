/**
 * The verbs on settings one by one, with everything that tools show of them, for every kind of resource that has any.
 */
import type { ConfigType } from "../../log/configs/definitions.ts";
import type { Context } from "../verbs.ts";

/** A node's loggers are a resource of their own; the node named "" is all of them. */
export interface ConfigResource {
  readonly type: "topic" | "node" | "logger" | "client-metrics" | "group";
  readonly name: string;
}

/** Where a value was set: on the resource itself, on this node or all nodes while they ran, when this node started, nowhere. */
export type ConfigOrigin =
  | Exclude<ConfigResource["type"], "node">
  | "this-node"
  | "all-nodes"
  | "node"
  | "default";

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigOrigin;
}

/** One setting, with everything that tools show of it. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigOrigin;
  readonly readOnly: boolean;
  readonly type: ConfigType | "short";
  readonly doc: string;
  /** Where the value comes from, then what it would be without that, down to the default. */
  readonly synonyms: readonly ConfigSynonym[];
}

/** What to do to one setting (KIP-339); lists can be appended to and subtracted from. */
export interface ConfigChange {
  readonly name: string;
  readonly operation: "set" | "delete" | "append" | "subtract";
  readonly value: string | null;
}

export interface AlterConfigsOptions {
  /** Settings that are not named go back to their defaults. */
  readonly replace: boolean;
  readonly validateOnly: boolean;
}

/** What a node was told when it started, in Kafka's words. */
export interface NodeSetting {
  readonly name: string;
  readonly value: string | null;
  readonly type: ConfigEntry["type"];
  /** False: nobody said it. */
  readonly said: boolean;
  /** What it would be then; null: nothing, or what cannot be told by Kafka's name. */
  readonly fallback: string | null;
  readonly doc: string;
}

/** How much a node's log says; changed in place. */
export interface LogLevels {
  level: "debug" | "info" | "warn" | "error";
}

export interface ConfigVerbs {
  describe(context: Context, resource: ConfigResource): readonly ConfigEntry[];
  /** All changes of a resource stand or none; refuses with what is allowed instead. */
  alter(
    context: Context,
    resource: ConfigResource,
    changes: readonly ConfigChange[],
    options: AlterConfigsOptions,
  ): Promise<void>;
  /** The names of resources that have settings; of groups and client metrics those on which something was set. */
  names(context: Context, type: ConfigResource["type"]): readonly string[];
}
