/**
 * `kedge group …`: consumer groups, how far they have read, and where they are to go on.
 *
 * They speak the Kafka protocol, in which groups are known (`--bootstrap-server`).
 */
import type { Command } from "commander";
import { deleteGroups } from "../../kafka/apis/42-delete-groups.ts";
import { check, KafkaError } from "../../kafka/client-error.ts";
import { UsageError } from "../../lib/setting.ts";
import { offsetSpec, TIME_WORDS } from "../arguments.ts";
import { confirm } from "../confirm.ts";
import { forEachName } from "../each-name.ts";
import { exitCodes, Failure } from "../exit.ts";
import { addConnectOptions, gathered, withKafka, type ConnectOptions } from "../kafka/connect.ts";
import {
  committedOffsets,
  describeGroup,
  type GroupOffset,
  groupsOf,
  type ListedGroup,
  offsetsOfGroup,
  withUncommitted,
} from "../kafka/group-queries.ts";
import {
  commitOffsets,
  type NewOffset,
  newOffsets,
  placesNamed,
  type Reset,
} from "../kafka/group-resets.ts";
import {
  type Column,
  formatFor,
  jsonText,
  type ListFormat,
  outputOption,
  showList,
  table,
} from "../output.ts";
import { KEDGE } from "../kedge-command.ts";
import { counted } from "../progress.ts";
import type { Session } from "../session.ts";

interface Options extends ConnectOptions {
  readonly output?: ListFormat;
}

interface ResetOptions extends Options {
  readonly topic?: readonly string[];
  readonly to: Reset;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

const listColumns: readonly Column<ListedGroup>[] = [
  ["GROUP", (group) => group.group],
  ["TYPE", (group) => group.type],
  ["STATE", (group) => group.state],
];

const offsetColumns: readonly Column<GroupOffset>[] = [
  ["TOPIC", (each) => each.topic],
  ["PARTITION", (each) => each.partition],
  ["COMMITTED", (each) => each.committed ?? "-"],
  ["END", (each) => each.end ?? "-"],
  ["LAG", (each) => each.lag ?? "-"],
  ["MEMBER", (each) => each.member?.memberId ?? "-"],
  ["HOST", (each) => each.member?.host ?? "-"],
];

const resetColumns: readonly Column<NewOffset>[] = [
  ["TOPIC", (each) => each.topic],
  ["PARTITION", (each) => each.partition],
  ["OFFSET", (each) => each.offset],
];

export function addGroup(program: Command, session: Session): void {
  const group = program.command("group").description("consumer groups: their state, lag, offsets");
  const { stdout } = session.io;
  const list = group.command("list").alias("ls").description("list groups by name");
  addConnectOptions(list)
    .addOption(outputOption())
    .action((options: Options) =>
      asked(session, options, async (client) => {
        const format = formatFor(options.output, stdout);
        await showList(await groupsOf(client), listColumns, format, stdout);
      }),
    );
  const describe = group
    .command("describe")
    .description("show a group's members, and how far it has read each partition")
    .argument("<group>");
  addConnectOptions(describe)
    .addOption(outputOption())
    .action((name: string, options: Options) => show(session, name, options));
  const reset = group
    .command("reset")
    .description("let a group without members go on elsewhere")
    .argument("<group>")
    .option("--topic <topic>", "only this topic, or topic:0,1,…; may repeat", gathered)
    .requiredOption(
      "--to <place>",
      `start, end, an offset, +n from the start, -n from the end, or ${TIME_WORDS}`,
      (text) => resetOf(text),
    )
    .option("--dry-run", "only show it")
    .option("-y, --yes", "do not ask");
  addConnectOptions(reset)
    .addOption(outputOption())
    .action((name: string, options: ResetOptions) => resetGroup(session, name, options));
  const remove = group
    .command("delete")
    .description("forget groups without members, and what they have read")
    .argument("<group...>")
    .option("-y, --yes", "do not ask");
  addConnectOptions(remove).action(
    (names: readonly string[], options: ConnectOptions & { yes?: boolean }) =>
      removeGroups(session, names, options),
  );
}

type Client = Parameters<Parameters<typeof withKafka>[2]>[0];

/** Works with a client; what a broker refuses is told in its words. */
export function asked(
  session: Session,
  options: ConnectOptions,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  return inKafkasWords(() => withKafka(session, options, work));
}

async function inKafkasWords(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    const isMissing = ["group_id_not_found", "transactional_id_not_found"].includes(error.kind);
    throw new Failure(error.message, isMissing ? exitCodes.notFound : exitCodes.failure);
  }
}

function show(session: Session, name: string, options: Options): Promise<void> {
  const { stdout } = session.io;
  return asked(session, options, async (client) => {
    const group = await describeGroup(client, name);
    const offsets = await withUncommitted(client, await offsetsOfGroup(client, group));
    const format = formatFor(options.output, stdout);
    const lag = lagOver(offsets);
    if (format !== "table") {
      const { members, ...facts } = group;
      const shown = offsets.map(({ member, ...each }) => ({
        ...each,
        memberId: member?.memberId ?? null,
      }));
      const all = { ...facts, lag, members, offsets: shown };
      return stdout.write(`${jsonText(all, format === "json" ? 2 : 0)}\n`);
    }
    const { state, type, assignor, members } = group;
    const facts = [type, state, assignor, counted(members.length, "members"), `lag ${lag ?? "-"}`];
    const head = `${name}  ${facts.filter((fact) => fact !== "").join("  ")}\n`;
    return stdout.write(offsets.length === 0 ? head : `${head}\n${table(offsets, offsetColumns)}`);
  });
}

/** Null where none is known: every topic is gone. */
function lagOver(offsets: readonly GroupOffset[]): number | null {
  const known = offsets.flatMap((each) => each.lag ?? []);
  return known.length === 0 && offsets.length > 0
    ? null
    : known.reduce((sum, each) => sum + each, 0);
}

function resetOf(text: string): Reset {
  const place = offsetSpec(text);
  if (place === "earliest" || place === "latest") return { to: place };
  if (typeof place === "number") return { to: "offset", offset: place };
  if (place instanceof Date) return { to: "time", timestampMs: place.getTime() };
  return "plus" in place
    ? { to: "after-start", count: place.plus }
    : { to: "before-end", count: place.tail };
}

function resetGroup(session: Session, name: string, options: ResetOptions): Promise<void> {
  const { stdout } = session.io;
  return asked(session, options, async (client) => {
    const topics = options.topic ?? [
      ...new Set((await committedOffsets(client, name)).map((each) => each.topic)),
    ];
    if (topics.length === 0)
      throw new UsageError(`group ${name} has read nothing yet: name the topics with --topic`);
    const places = await placesNamed(client, topics);
    const offsets = await newOffsets(client, name, places, options.to);
    await warnOfOthers(session, offsets, options.to);
    await showList(offsets, resetColumns, formatFor(options.output, stdout), stdout);
    if (options.dryRun !== true) {
      await confirm(session.io, `Let ${name} go on there, and forget where it was?`, options.yes);
      await commitOffsets(client, name, offsets);
    }
    const words = options.dryRun === true ? "would go on" : "goes on";
    await session.note(`Group ${name} ${words} there.`);
  });
}

/** As kafka-consumer-groups does of an offset that a log does not have. */
async function warnOfOthers(
  session: Session,
  offsets: readonly NewOffset[],
  reset: Reset,
): Promise<void> {
  if (reset.to !== "offset") return;
  for (const { topic, partition, offset } of offsets) {
    if (offset === reset.offset) continue;
    const side = offset < reset.offset ? "past the end" : "before the start";
    await session.note(
      `kedge: offset ${reset.offset} is ${side} of partition ${partition} of ${topic}; it is set to ${offset}.`,
    );
  }
}

const NON_EMPTY_GROUP = 68;

function hasMembers(name: string): string {
  return `Group ${name} has members: stop them first ("${KEDGE} group describe ${name} -o json" names them), then delete it.`;
}

async function removeGroups(
  session: Session,
  names: readonly string[],
  options: ConnectOptions & { readonly yes?: boolean },
): Promise<void> {
  await confirm(session.io, `Delete ${names.join(", ")} and what was read?`, options.yes);
  await withKafka(session, options, (client) =>
    forEachName(session, names, (name) =>
      inKafkasWords(async () => {
        const target = { to: "group", key: name } as const;
        await client.ask(target, deleteGroups, { groupsNames: [name] }, ({ results }) => {
          for (const { errorCode } of results) {
            if (errorCode === NON_EMPTY_GROUP) throw new Failure(hasMembers(name));
            check(errorCode);
          }
        });
        await session.note(`Group ${name} deleted.`);
      }),
    ),
  );
}
