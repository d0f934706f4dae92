/**
 * The options of kafka-consumer-groups.sh and how they go together: the rules of Kafka's tool, in its words.
 */
import type { Command } from "commander";
import { UsageError } from "../../lib/setting.ts";
import { integer } from "../arguments.ts";
import { gathered, oneAction, type ConnectOptions } from "./connect.ts";
import { refuseWith, type Given } from "./tool.ts";

export interface GroupOptions extends ConnectOptions {
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly resetOffsets?: boolean;
  readonly delete?: boolean;
  readonly deleteOffsets?: boolean;
  readonly validateRegex?: string;
  readonly group?: readonly string[];
  readonly allGroups?: boolean;
  readonly topic?: readonly string[];
  readonly allTopics?: boolean;
  readonly members?: boolean;
  readonly offsets?: boolean;
  readonly state?: boolean | string;
  readonly type?: boolean | string;
  readonly verbose?: boolean;
  readonly execute?: boolean;
  readonly dryRun?: boolean;
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toCurrent?: boolean;
  readonly toOffset?: number;
  readonly shiftBy?: number;
  readonly byDuration?: string;
  readonly toDatetime?: string;
  readonly fromFile?: string;
  readonly export?: boolean;
}

/** What a reset may go to: exactly one of them. */
export const scenarios = [
  "toOffset",
  "shiftBy",
  "toDatetime",
  "byDuration",
  "toEarliest",
  "toLatest",
  "toCurrent",
  "fromFile",
] as const;

const scenarioOptions = [
  "to-offset",
  "shift-by",
  "to-datetime",
  "by-duration",
  "to-earliest",
  "to-latest",
  "to-current",
  "from-file",
];

export function addGroupOptions(command: Command): Command {
  return command
    .option("--list", "list the groups")
    .option("--describe", "show how far groups have read, or their members or state")
    .option("--reset-offsets", "let a group without members go on elsewhere")
    .option("--delete", "delete groups without members")
    .option("--delete-offsets", "forget what a group has read of topics")
    .option("--validate-regex <regex>", "tell whether groups may subscribe by this pattern (RE2)")
    .option("--group <group>", "the group; may repeat", gathered)
    .option("--all-groups", "every group")
    .option("--topic <topic>", "the topic, or topic:0,1,…; may repeat", gathered)
    .option("--all-topics", "every topic of which the group has read something")
    .option("--offsets", "describe offsets (which is what it does unless told)")
    .option("--members", "describe members")
    .option("--state [states]", "describe the state; with --list, show or filter by it")
    .option("--type [types]", "with --list: show or filter by the types")
    .option("--verbose", "with --offsets, --members or --state: more columns")
    .option("--execute", "really do it")
    .option("--dry-run", "only show it")
    .option("--to-earliest", "to the first record")
    .option("--to-latest", "to the end")
    .option("--to-current", "to where it is")
    .option("--to-offset <offset>", "to an offset", integer)
    .option("--shift-by <count>", "forward, or back where negative", integer)
    .option("--by-duration <duration>", "to so long ago: PnDTnHnMnS")
    .option("--to-datetime <time>", "to a time: YYYY-MM-DDTHH:mm:SS.sss")
    .option("--from-file <file>", "to the offsets of a file that --export wrote")
    .option("--export", "print the new offsets as CSV: topic,partition,offset")
    .option("--timeout <ms>", "taken, and without effect here", integer);
}

const actions = [
  "list",
  "describe",
  "delete",
  "resetOffsets",
  "deleteOffsets",
  "validateRegex",
] as const;

export function actionOf(options: GroupOptions) {
  const words =
    "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets, --validate-regex";
  return oneAction(options, actions, words);
}

/** Throws UsageError for what does not go together, or is missing. */
export function checkGroupOptions(given: Given, options: GroupOptions): void {
  const action = actionOf(options);
  const needsGroup = (option: string) => {
    if (!given.has("group") && !given.has("all-groups"))
      throw new UsageError(`Option [${option}] takes one of these options: [group], [all-groups]`);
  };
  if (action === "describe") {
    needsGroup("describe");
    if (["members", "offsets", "state"].filter((option) => given.has(option)).length > 1)
      throw new UsageError(
        "Option [describe] takes at most one of these options: [members], [offsets], [state]",
      );
    if (typeof options.state === "string")
      throw new UsageError("Option [describe] does not take a value for [state]");
  }
  if (action === "delete") {
    needsGroup("delete");
    if (given.has("topic"))
      throw new UsageError(
        "The consumer does not support topic-specific offset deletion from a consumer group.",
      );
  }
  if (action === "deleteOffsets" && (!given.has("group") || !given.has("topic")))
    throw new UsageError("Option [delete-offsets] takes the following options: [group], [topic]");
  if (action === "resetOffsets") checkReset(given, needsGroup);
  refuseWith(given, "group", "all-groups", "list");
  refuseWith(given, "topic", "list", "describe");
  for (const [option, companions] of Object.entries(goesWith))
    refuseAlone(given, option, companions);
}

const toReset = ["reset-offsets"];
const toDescribe = ["describe"];

/** The actions without which an option has no effect. */
const goesWith: Readonly<Record<string, readonly string[]>> = {
  type: ["list"],
  state: ["describe", "list"],
  members: toDescribe,
  offsets: toDescribe,
  verbose: toDescribe,
  execute: toReset,
  "dry-run": toReset,
  export: toReset,
  "all-topics": toReset,
  ...Object.fromEntries(scenarioOptions.map((option) => [option, toReset])),
};

function checkReset(given: Given, needsGroup: (option: string) => void): void {
  if (given.has("dry-run") && given.has("execute"))
    throw new UsageError("Option [reset-offsets] only accepts one of [execute] and [dry-run]");
  needsGroup("reset-offsets");
  for (const option of scenarioOptions)
    refuseWith(given, option, ...scenarioOptions.filter((other) => other !== option));
  if (!given.has("all-topics") && !given.has("topic") && !given.has("from-file"))
    throw new UsageError("One of the reset scopes should be defined: --all-topics, --topic.");
  if (!scenarioOptions.some((option) => given.has(option)))
    throw new UsageError(
      `Option '[reset-offsets]' requires one of the following scenarios: ${scenarioOptions.map((option) => `[${option}]`).join(", ")}`,
    );
}

function refuseAlone(given: Given, option: string, companions: readonly string[]): void {
  if (given.has(option) && !companions.some((companion) => given.has(companion)))
    throw new UsageError(
      `Option(s) [${option}] are unavailable given other options on the command line: --${option} goes with --${companions.join(" or --")}`,
    );
}
