/**
 * The verbs of administration that only some doors have: settings one by one, and partitions added to a topic.
 */
import type { ConfigType } from "../log/config-definitions.ts";
import type { Context, ConfigSource } from "./verbs.ts";

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

/** One setting, with everything that tools show of it. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
  readonly readOnly: boolean;
  readonly type: ConfigType;
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

export interface AdminVerbs {
  describeTopicConfigs(context: Context, topic: string): readonly ConfigEntry[];
  /** This node's own settings, none of which can be changed while it runs. */
  describeNodeConfigs(context: Context): readonly ConfigEntry[];
  /** All changes of a topic stand or none; refuses with what is allowed instead. */
  alterTopicConfigs(
    context: Context,
    topic: string,
    changes: readonly ConfigChange[],
    options: AlterConfigsOptions,
  ): Promise<void>;
  /** Grows a topic to `count` partitions, which must be more than it has. */
  addPartitions(
    context: Context,
    topic: string,
    count: number,
    options: {
      /** Replicas of each new partition; null lets the cluster choose. */
      readonly assignments: readonly (readonly number[])[] | null;
      readonly validateOnly: boolean;
    },
  ): Promise<void>;
  /** Refuses replicas that no partition could have. */
  checkReplicas(context: Context, replicas: readonly number[]): void;
}
