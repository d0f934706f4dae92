/**
 * `kedge kafka-consumer-groups`: Kafka's own spelling for groups (kafka-consumer-groups.sh).
 *
 * - What cannot be done ends it with exit code 1, where Kafka's tool tells it and ends with 0.
 */
import type { Command } from "commander";
import { deleteGroups } from "../../kafka/apis/42-delete-groups.ts";
import { offsetDelete } from "../../kafka/apis/47-offset-delete.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { Ended, exitCodes } from "../exit.ts";
import type { Session } from "../session.ts";
import { addConnectOptions, oneAction, ToolError, withKafka } from "./connect.ts";
import {
  actionOf,
  addGroupOptions,
  checkGroupOptions,
  type GroupOptions,
  scenarios,
} from "./group-options.ts";
import {
  committedOffsets,
  type DescribedGroup,
  describeGroup,
  groupsOf,
  isConsumerGroup,
} from "./group-queries.ts";
import {
  commitOffsets,
  dateTimeMs,
  isoDurationMs,
  type NewOffset,
  newOffsets,
  placesNamed,
  type Reset,
} from "./group-resets.ts";
import { groupStateText, listText, membersText, offsetsText, padded } from "./group-text.ts";
import { planOf, planText } from "./reset-plan.ts";
import { addTool, runsAs, tellUnneeded } from "./tool.ts";
import { readNamed } from "../input-file.ts";

const WITHOUT_EXECUTE =
  "WARN: No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.";

export function addKafkaConsumerGroups(program: Command, session: Session): void {
  const command = addGroupOptions(addTool(program, "kafka-consumer-groups", "consumer groups"));
  runsAs<GroupOptions>(addConnectOptions(command), {
    session,
    tell: (reason) =>
      session.io.stdout.write(
        `\nError: Executing consumer group command failed due to ${reason}\n`,
      ),
    check: checkGroupOptions,
    async run(options, given) {
      if (options.validateRegex !== undefined) return tellRegex(session, options.validateRegex);
      await tellUnneeded(session, given, ["timeout"]);
      return withKafka(session, options, (client) => run(session, client, options));
    },
  });
}

/** As the coordinator takes the patterns of subscriptions. */
async function tellRegex({ io: { stdout } }: Session, regex: string): Promise<void> {
  const { RE2JS, RE2JSSyntaxException } = await import("re2js");
  try {
    RE2JS.compile(regex);
    await stdout.write(`The regular expression \`${regex}\` is valid.\n`);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    await stdout.write(
      `The regular expression \`${regex}\` is invalid: ${error.getDescription()}.\n`,
    );
  }
}

function run(session: Session, client: KafkaClient, options: GroupOptions): Promise<void> {
  const action = actionOf(options);
  switch (action) {
    case "list":
      return list(session, client, options);
    case "describe":
      return describe(session, client, options);
    case "resetOffsets":
      return reset(session, client, options);
    case "delete":
      return remove(session, client, options);
    case "deleteOffsets":
      return removeOffsets(session, client, options);
    case "validateRegex":
      return Promise.resolve();
    default:
      return action satisfies never;
  }
}

async function list({ io }: Session, client: KafkaClient, options: GroupOptions): Promise<void> {
  await io.stdout.write(listText(await groupsOf(client), options));
}

/** The groups that were named, or all, by name. */
async function namedGroups(
  client: KafkaClient,
  { group = [], allGroups }: GroupOptions,
): Promise<readonly string[]> {
  if (allGroups !== true) return [...new Set(group)].toSorted();
  const consumers = (await groupsOf(client)).filter(isConsumerGroup);
  return consumers.map((each) => each.group);
}

async function describe(
  session: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  const { stdout } = session.io;
  const verbose = options.verbose === true;
  const groups: DescribedGroup[] = [];
  // One that is not there fails all, before anything is shown.
  for (const name of await namedGroups(client, options))
    groups.push(await describeGroup(client, name));
  for (const group of groups) {
    await tellState(session, group);
    if (options.members === true) await stdout.write(membersText(group, verbose));
    else if (options.state !== undefined) await stdout.write(groupStateText(group, verbose));
    else await stdout.write(await offsetsText(client, group, verbose));
  }
}

async function tellState({ note }: Session, { group, state }: DescribedGroup): Promise<void> {
  if (state === "Empty") await note(`\nConsumer group '${group}' has no active members.`);
  else if (state !== "Stable") await note(`\nWarning: Consumer group '${group}' is rebalancing.`);
}

/** What the options ask for; exactly one of them. */
async function resetOf(options: GroupOptions): Promise<Reset> {
  const way = oneAction(options, scenarios, "name what --reset-offsets goes to");
  switch (way) {
    case "toEarliest":
      return { to: "earliest" };
    case "toLatest":
      return { to: "latest" };
    case "toCurrent":
      return { to: "current" };
    case "toOffset":
      return { to: "offset", offset: options.toOffset ?? 0 };
    case "shiftBy":
      return { to: "shift", by: options.shiftBy ?? 0 };
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
  return planOf(
    await readNamed(fromFile, "--from-file"),
    group.length === 1 ? group[0] : undefined,
  );
}

async function reset(
  { io: { stdout }, note }: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  if (options.execute !== true && options.dryRun !== true) await note(WITHOUT_EXECUTE);
  const wanted = await resetOf(options);
  const plan: (NewOffset & { readonly group: string })[] = [];
  let refused = false;
  for (const group of await namedGroups(client, options)) {
    const state = await stateOf(client, group);
    if (state !== null && state !== "Empty") {
      await stdout.write(
        `\nError: Assignments can only be reset if the group '${group}' is inactive, but the current state is ${state}.\n`,
      );
      refused = true;
      continue;
    }
    const places =
      wanted.to === "plan"
        ? await placesPlanned(client, group, wanted.offsets)
        : await placesOf(client, group, options);
    const offsets = await newOffsets(client, group, places, wanted, note);
    if (options.execute === true) await commitOffsets(client, group, offsets);
    for (const each of offsets) plan.push({ group, ...each });
  }
  if (options.export === true) await stdout.write(planText(plan, options.group?.length === 1));
  else await stdout.write(resetText(plan));
  if (refused) throw new Ended(exitCodes.failure);
}

function resetText(plan: readonly (NewOffset & { readonly group: string })[]): string {
  const rows = plan.map(({ group, topic, partition, offset }) => [
    group,
    topic,
    String(partition),
    String(offset),
  ]);
  const widest = (column: number) => Math.max(15, ...rows.map((row) => row[column]?.length ?? 0));
  const head = ["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"];
  return padded([head, ...rows], [widest(0), widest(1), 10, 0]);
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
  return placesNamed(client, options.topic ?? []);
}

async function remove(
  { io: { stdout } }: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  const failed: string[] = [];
  const done: string[] = [];
  for (const group of await namedGroups(client, options)) {
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
  throw new Ended(exitCodes.failure);
}

async function removeOffsets(
  { io: { stdout } }: Session,
  client: KafkaClient,
  options: GroupOptions,
): Promise<void> {
  const [group] = await namedGroups(client, options);
  if (group === undefined || !options.topic) return;
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
    ? `\nError: Encountered some partition-level error, see the follow-up details.`
    : `Request succeeded for deleting offsets from group ${group}.`;
  const widest = Math.max(15, ...names.map((name) => name.length));
  const table = padded([["TOPIC", "PARTITION", "STATUS"], ...results], [widest, 10, 15]);
  await stdout.write(`${head}\n${table}`);
  if (failed) throw new Ended(exitCodes.failure);
}
