/**
 * `kedge kafka-console-consumer`: Kafka's own spelling for reading along (kafka-console-consumer.sh).
 *
 * - With a group it is a member of it and commits every few seconds and at the end; without one it reads every partition and
 *   leaves no trace (Kafka's makes up a group).
 * - Ends at `--max-messages`, after `--timeout-ms` without a record, or with Ctrl-C; then it tells how many there were.
 *
 * Left out: deserializers and formatters of other kinds.
 */
import { type Command, Option } from "commander";
import type { KafkaClient } from "../../kafka/client.ts";
import { wholeNumber } from "../arguments.ts";
import type { Session } from "../session.ts";
import {
  addConnectOptions,
  asTool,
  gathered,
  includes,
  propertiesOf,
  settings,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";
import { Fetcher } from "./fetcher.ts";
import { formatter } from "./formatter.ts";
import { committedOffsets, keyOf } from "./group-queries.ts";
import { Membership } from "./membership.ts";
import type { Place } from "./offsets.ts";

interface Options extends ConnectOptions {
  readonly topic?: string;
  readonly include?: string;
  readonly partition?: number;
  readonly offset?: string;
  readonly fromBeginning?: boolean;
  readonly group?: string;
  readonly maxMessages?: number;
  readonly timeoutMs?: number;
  readonly isolationLevel?: string;
  readonly property?: readonly string[];
  readonly formatterProperty?: readonly string[];
  readonly consumerProperty?: readonly string[];
  readonly commandProperty?: readonly string[];
  readonly "consumer.config"?: string;
  readonly consumerConfig?: string;
}

const POLL_MS = 500;
const BEAT_MS = 3_000;
const COMMIT_MS = 5_000;

export function addKafkaConsoleConsumer(program: Command, session: Session): void {
  const command = program
    .command("kafka-console-consumer")
    .alias("kafka-console-consumer.sh")
    .description("read along, in Kafka's own spelling")
    .option("--topic <topic>", "the topic")
    .option("--include <pattern>", "every topic that it matches")
    .option("--partition <number>", "one partition of the topic", wholeNumber)
    .option("--offset <place>", "where in the partition: a number, earliest or latest (latest)")
    .option("--from-beginning", "from the first record, where the group has not read yet")
    .option("--group <group>", "be a member of this group")
    .option("--max-messages <count>", "end after so many records", wholeNumber)
    .option("--timeout-ms <ms>", "end when no record came for so long", wholeNumber)
    .addOption(
      new Option("--isolation-level <level>", "whether open transactions are waited for").choices([
        "read_committed",
        "read_uncommitted",
      ]),
    )
    .option("--property <name=value>", "as --formatter-property", gathered)
    .option(
      "--formatter-property <name=value>",
      "print.key, print.value, print.timestamp, print.partition, print.offset, print.headers, key.separator, line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, headers.deserializer; may repeat",
      gathered,
    )
    .option(
      "--consumer-property <name=value>",
      "group.id, auto.offset.reset, isolation.level, enable.auto.commit; may repeat",
      gathered,
    )
    .option("--command-property <name=value>", "as --consumer-property", gathered)
    .option("--consumer-config <file>", "consumer properties in a file")
    .addOption(new Option("--consumer.config <file>").hideHelp());
  addConnectOptions(command).action((options: Options) =>
    asTool(
      (reason) => session.note(`Error processing message, terminating consumer process: ${reason}`),
      () => withKafka(session, options, (client) => run(session, client, options)),
    ),
  );
}

async function run(session: Session, client: KafkaClient, options: Options): Promise<void> {
  const file = options["consumer.config"] ?? options.consumerConfig ?? options.commandConfig;
  const properties = new Map([
    ...(await propertiesOf(file)),
    ...settings(options.consumerProperty),
    ...settings(options.commandProperty),
  ]);
  const reset = resetOf(options, properties);
  const level = options.isolationLevel ?? properties.get("isolation.level");
  const fetcher = new Fetcher(client, { reset, committedOnly: level === "read_committed" });
  const group = options.group ?? properties.get("group.id");
  const commits = properties.get("enable.auto.commit") !== "false";
  const reading = await begin(client, fetcher, options, group);
  const count = { read: 0 };
  try {
    await readAlong(session, fetcher, options, reading && { ...reading, commits }, count);
  } finally {
    if (reading) {
      if (commits) await reading.member.commit(readTo(fetcher)).catch(() => true);
      await reading.member.leave();
    }
    await session.note(`Processed a total of ${count.read} messages`);
  }
}

function resetOf(options: Options, properties: ReadonlyMap<string, string>) {
  if (options.partition !== undefined && options.offset !== undefined)
    return options.offset === "earliest" ? "earliest" : "latest";
  const told = properties.get("auto.offset.reset") ?? "latest";
  if (told !== "earliest" && told !== "latest")
    throw new ToolError(`auto.offset.reset is earliest or latest here, not ${told}`);
  if (options.fromBeginning === true) {
    if (properties.get("auto.offset.reset") === "latest")
      throw new ToolError("--from-beginning and auto.offset.reset=latest exclude each other");
    return "earliest";
  }
  return told;
}

interface GroupReading {
  readonly member: Membership;
  /** Joins the group, again too, and reads what this member is given. */
  join(): Promise<void>;
}

/** Begins to read: as a member of the group, or without one every partition asked for. */
async function begin(
  client: KafkaClient,
  fetcher: Fetcher,
  options: Options,
  group: string | undefined,
): Promise<GroupReading | null> {
  const { topic, include, partition, offset } = options;
  if ((topic === undefined) === (include === undefined))
    throw new ToolError("Exactly one of --include/--topic is required.");
  const topics = topic === undefined ? await matching(client, include ?? "") : [topic];
  if (partition !== undefined) {
    if (group !== undefined) throw new ToolError("--group and --partition exclude each other");
    const place = { topic: topics[0] ?? "", partition, offset: placeOf(offset) };
    await fetcher.assign([place]);
    return null;
  }
  if (offset !== undefined) throw new ToolError("--offset needs --partition");
  if (group === undefined) {
    await fetcher.assign(await everyPartition(client, topics));
    return null;
  }
  for (const each of topics) await client.partitionsOf(each);
  const member = new Membership(client, group, topics);
  const join = async () => {
    const places = await member.join();
    await fetcher.assign(await whereLeftOff(client, group, places));
  };
  await join();
  return { member, join };
}

async function matching(client: KafkaClient, pattern: string): Promise<readonly string[]> {
  const matches = includes(pattern);
  const topics = await client.topics(null);
  return topics
    .filter(({ name, isInternal }) => matches(name) && !isInternal)
    .map(({ name }) => name);
}

function placeOf(offset: string | undefined): number | null {
  if (offset === undefined || offset === "latest" || offset === "earliest") return null;
  if (!/^\d{1,15}$/.test(offset))
    throw new ToolError(
      `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.`,
    );
  return Number(offset);
}

async function everyPartition(client: KafkaClient, topics: readonly string[]) {
  const places: (Place & { offset: null })[] = [];
  for (const topic of topics) {
    const count = await client.partitionsOf(topic);
    for (let partition = 0; partition < count; partition += 1)
      places.push({ topic, partition, offset: null });
  }
  return places;
}

async function whereLeftOff(client: KafkaClient, group: string, places: readonly Place[]) {
  const committed = await committedOffsets(client, group);
  const known = new Map(committed.map((each) => [keyOf(each), each.committed]));
  return places.map((place) => ({ ...place, offset: known.get(keyOf(place)) ?? null }));
}

function readTo(fetcher: Fetcher) {
  return fetcher.positions.map(({ topic, partition, next }) => ({
    topic,
    partition,
    offset: next,
  }));
}

async function readAlong(
  { io: { stdout, interrupted } }: Session,
  fetcher: Fetcher,
  options: Options,
  group: (GroupReading & { readonly commits: boolean }) | null,
  count: { read: number },
): Promise<void> {
  const { maxMessages = Infinity, timeoutMs = Infinity } = options;
  const format = formatter(
    new Map([...settings(options.property), ...settings(options.formatterProperty)]),
  );
  let heardMs = performance.now();
  let beatMs = performance.now();
  let committedMs = performance.now();
  while (count.read < maxMessages && !interrupted.aborted) {
    const leftMs = heardMs + timeoutMs - performance.now();
    if (leftMs <= 0) return;
    const fetched = await fetcher.poll(Math.min(POLL_MS, Math.ceil(leftMs)));
    const room = maxMessages - count.read;
    for (const each of fetched.slice(0, room)) {
      await stdout.write(format(each));
      fetcher.took(each);
      count.read += 1;
    }
    const nowMs = performance.now();
    if (fetched.length > 0) heardMs = nowMs;
    if (!group) continue;
    let rejoin = false;
    if (nowMs - beatMs > BEAT_MS) {
      rejoin = await group.member.beat();
      beatMs = nowMs;
    }
    if (group.commits && (rejoin || nowMs - committedMs > COMMIT_MS)) {
      rejoin = (await group.member.commit(readTo(fetcher))) || rejoin;
      committedMs = nowMs;
    }
    if (rejoin) await group.join();
  }
}
