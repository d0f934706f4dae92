/**
 * `kedge kafka-consumer-groups`: Kafka's own spelling for groups (kafka-consumer-groups.sh).
 *
 * Left out: `--validate-regex`, and describing by regular expression.
 */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { deleteGroups } from "../../kafka/apis/42-delete-groups.ts";
import { offsetDelete } from "../../kafka/apis/47-offset-delete.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { UsageError } from "../../lib/setting.ts";
import type { Session } from "../session.ts";
import {
  addConnectOptions,
  asTool,
  gathered,
  oneAction,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";
import { committedOffsets, describeGroup, groupsOf } from "./group-queries.ts";
import {
  commitOffsets,
  dateTimeMs,
  isoDurationMs,
  type NewOffset,
  newOffsets,
  placesNamed,
  type Reset,
} from "./group-resets.ts";
import { planOf, planText } from "./reset-plan.ts";
import { groupStateText, listText, membersText, offsetsText, padded } from "./group-text.ts";

export interface GroupOptions extends ConnectOptions {
  readonly list?: boolean;
  readonly describe?: boolean;
  readonly resetOffsets?: boolean;
  readonly delete?: boolean;
  readonly deleteOffsets?: boolean;
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
  readonly toOffset?: string;
  readonly shiftBy?: string;
  readonly byDuration?: string;
  readonly toDatetime?: string;
  readonly fromFile?: string;
  readonly export?: boolean;
}

const actions = ["list", "describe", "resetOffsets", "delete", "deleteOffsets"] as const;
const WITHOUT_EXECUTE =
  "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.";

export function addKafkaConsumerGroups(program: Command, session: Session): void {
  const command = program
    .command("kafka-consumer-groups")
    .alias("kafka-consumer-groups.sh")
    .description("consumer groups, in Kafka's own spelling")
    .option("--list", "list the groups")
    .option("--describe", "show how far groups have read, or their members or state")
    .option("--reset-offsets", "let a group without members go on elsewhere")
    .option("--delete", "delete groups without members")
    .option("--delete-offsets", "forget what a group has read of topics")
    .option("--group <group>", "the group; may repeat", gathered)
    .option("--all-groups", "every group")
    .option("--topic <topic>", "the topic, or topic:0,1,…; may repeat", gathered)
    .option("--all-topics", "every topic of which the group has read something")
    .option("--offsets", "describe offsets (which is what it does unless told)")
    .option("--members", "describe members")
    .option("--state [states]", "describe the state; with --list, show or filter by it")
    .option("--type [types]", "with --list: show the types")
    .option("--verbose", "with --members: their partitions")
    .option("--execute", "really do it")
    .option("--dry-run", "only show it")
    .option("--to-earliest", "to the first record")
    .option("--to-latest", "to the end")
    .option("--to-current", "to where it is")
    .option("--to-offset <offset>", "to an offset")
    .option("--shift-by <count>", "forward, or back where negative")
    .option("--by-duration <duration>", "to so long ago: PnDTnHnMnS")
    .option("--to-datetime <time>", "to a time: YYYY-MM-DDTHH:mm:SS.sss")
    .option("--from-file <file>", "to the offsets of a file that --export wrote")
    .option("--export", "print the new offsets as CSV: topic,partition,offset")
    .option("--timeout <ms>", "taken, and not needed");
  addConnectOptions(command).action((options: GroupOptions) =>
    asTool(
      (reason) =>
        session.io.stdout.write(
          `\nError: Executing consumer group command failed due to ${reason}\n`,
        ),
      () => withKafka(session, options, (client) => run(session, client, options)),
    ),
  );
}

async function run(session: Session, client: KafkaClient, options: GroupOptions): Promise<void> {
  const words =
    "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets.";
  switch (oneAction(options, actions, words)) {
    case "list":
      return session.io.stdout.write(listText(await groupsOf(client), options));
    case "describe":
      return describe(session, client, options);
    case "resetOffsets":
      return reset(session, client, options);
    case "delete":
      return remove(session, client, await namedGroups(client, options));
    case "deleteOffsets":
      return removeOffsets(session, client, options);
    default:
      return undefined;
  }
}

async function namedGroups(
  client: KafkaClient,
  { group = [], allGroups }: GroupOptions,
): Promise<readonly string[]> {
  if (allGroups === true) return (await groupsOf(client)).map((each) => each.group);
  if (group.length === 0) throw new UsageError("name the groups: --group GROUP or --all-groups");
  return group;
}

async function describe(
  { io: { stdout }, note }: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  for (const name of await namedGroups(client, options)) {
    const group = await describeGroup(client, name);
    if (group.members.length === 0) {
      const words =
        group.state === "Empty" ? "has no active members" : `is in state ${group.state}`;
      await note(`\nConsumer group '${name}' ${words}.`);
    }
    if (options.members === true) await stdout.write(membersText(group, options.verbose === true));
    else if (options.state !== undefined) await stdout.write(groupStateText(group));
    else await stdout.write(await offsetsText(client, group));
  }
}

/** What the options ask for; exactly one of them. */
async function resetOf(options: GroupOptions): Promise<Reset> {
  const ways = [
    "toEarliest",
    "toLatest",
    "toCurrent",
    "toOffset",
    "shiftBy",
    "byDuration",
    "toDatetime",
    "fromFile",
  ] as const;
  const words =
    "--reset-offsets needs exactly one of --to-earliest, --to-latest, --to-current, --to-offset, --shift-by, --by-duration, --to-datetime, --from-file";
  const way = oneAction(options, ways, words);
  switch (way) {
    case "toEarliest":
      return { to: "earliest" };
    case "toLatest":
      return { to: "latest" };
    case "toCurrent":
      return { to: "current" };
    case "toOffset":
      return { to: "offset", offset: wholeNumber(options.toOffset) };
    case "shiftBy":
      return { to: "shift", by: wholeNumber(options.shiftBy) };
    case "byDuration":
      return { to: "time", timestampMs: Date.now() - isoDurationMs(options.byDuration ?? "") };
    case "toDatetime":
      return { to: "time", timestampMs: dateTimeMs(options.toDatetime ?? "") };
    case "fromFile":
      return { to: "plan", offsets: await planFrom(options) };
    default:
      return way satisfies never;
  }
}

async function planFrom({ fromFile = "", group = [] }: GroupOptions) {
  return planOf(await readFile(fromFile, "utf8"), group.length === 1 ? group[0] : undefined);
}

function wholeNumber(text: string | undefined): number {
  if (!/^-?\d{1,15}$/.test(text ?? "")) throw new UsageError(`"${text ?? ""}" is no whole number`);
  return Number(text);
}

async function reset(
  { io: { stdout }, note }: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  if (options.execute === true && options.dryRun === true)
    throw new UsageError("--execute and --dry-run exclude each other");
  if (options.execute !== true && options.dryRun !== true) await note(WITHOUT_EXECUTE);
  const wanted = await resetOf(options);
  const plan: (NewOffset & { readonly group: string })[] = [];
  for (const group of await namedGroups(client, options)) {
    const state = await stateOf(client, group);
    if (state !== null && state !== "Empty") {
      await stdout.write(
        `\nError: Assignments can only be reset if the group '${group}' is inactive, but the current state is ${state}.\n`,
      );
      continue;
    }
    const places =
      wanted.to === "plan"
        ? await placesPlanned(client, group, wanted.offsets)
        : await placesOf(client, group, options);
    const offsets = await newOffsets(client, group, places, wanted);
    if (options.execute === true) await commitOffsets(client, group, offsets);
    for (const each of offsets) plan.push({ group, ...each });
  }
  if (options.export === true) return stdout.write(planText(plan, options.group?.length === 1));
  const rows = plan.map(({ group, topic, partition, offset }) => [
    group,
    topic,
    String(partition),
    String(offset),
  ]);
  await stdout.write(
    padded([["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"], ...rows], [15, 15, 10, 0]),
  );
}

/** Null for a group that is not there: its first offsets may be set all the same. */
async function stateOf(client: KafkaClient, group: string): Promise<string | null> {
  try {
    return (await describeGroup(client, group)).state;
  } catch (error) {
    if (error instanceof KafkaError && error.kind === "group_id_not_found") return null;
    throw error;
  }
}

/** What a plan names for a group; it must be there. */
async function placesPlanned(
  client: KafkaClient,
  group: string,
  plan: ReadonlyMap<string, readonly NewOffset[]>,
) {
  const named = plan.get(group);
  if (!named) throw new ToolError(`No reset plan for group ${group} found`);
  return placesNamed(
    client,
    named.map(({ topic, partition }) => `${topic}:${partition}`),
  );
}

async function placesOf(client: KafkaClient, group: string, options: GroupOptions) {
  if (options.allTopics === true) {
    const topics = new Set((await committedOffsets(client, group)).map(({ topic }) => topic));
    return placesNamed(client, [...topics]);
  }
  if (!options.topic) throw new UsageError("name the topics: --topic TOPIC or --all-topics");
  return placesNamed(client, options.topic);
}

async function remove(
  { io: { stdout } }: Session,
  client: KafkaClient,
  groups: readonly string[],
): Promise<void> {
  const failed: string[] = [];
  const done: string[] = [];
  for (const group of groups) {
    try {
      const target = { to: "group", key: group } as const;
      await client.ask(target, deleteGroups, { groupsNames: [group] }, ({ results }) => {
        for (const { errorCode } of results) check(errorCode);
      });
      done.push(group);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      failed.push(`* Group '${group}' could not be deleted due to: ${error.message}`);
    }
  }
  const names = `'${done.join("', '")}'`;
  if (failed.length === 0)
    return stdout.write(`Deletion of requested consumer groups (${names}) was successful.\n`);
  const some =
    done.length === 0 ? "" : `\nThese consumer groups were deleted successfully: ${names}\n`;
  await stdout.write(
    `\nError: Deletion of some consumer groups failed:\n${failed.join("\n")}\n${some}`,
  );
}

async function removeOffsets(
  { io: { stdout } }: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  const [group] = await namedGroups(client, options);
  if (group === undefined || !options.topic)
    throw new UsageError("--delete-offsets needs --group and --topic");
  const places = await placesNamed(client, options.topic);
  const names = [...new Set(places.map(({ topic }) => topic))];
  const topics = names.map((name) => ({
    name,
    partitions: places
      .filter(({ topic }) => topic === name)
      .map(({ partition }) => ({ partitionIndex: partition })),
  }));
  const request = { groupId: group, topics };
  const target = { to: "group", key: group } as const;
  const answer = await client.ask(target, offsetDelete, request, ({ errorCode }) =>
    check(errorCode),
  );
  const results = answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => [
      name,
      String(partitionIndex),
      errorCode === 0 ? "Successful" : `Error: ${new KafkaError(errorCode).message}`,
    ]),
  );
  const failed = results.some(([, , words]) => words !== "Successful");
  const head = failed
    ? `Encountered some partition level error, see the follow-up details:`
    : `Request succeeded for deleting offsets from group ${group}.`;
  const table = padded([["TOPIC", "PARTITION", "STATUS"], ...results], [15, 10, 15]);
  await stdout.write(`${head}\n${table}`);
}
