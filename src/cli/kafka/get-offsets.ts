/**
 * `kedge kafka-get-offsets`: Kafka's own spelling for the ends of logs (kafka-get-offsets.sh): `topic:partition:offset` a line.
 */
import type { Command } from "commander";
import type { KafkaClient } from "../../kafka/client.ts";
import type { Session } from "../session.ts";
import {
  addConnectOptions,
  includes,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";
import { keyOf } from "./group-queries.ts";
import { offsetsAt, specialTimes } from "./offsets.ts";
import { addTool, runsAs } from "./tool.ts";

interface Options extends ConnectOptions {
  readonly topic?: string;
  readonly partitions?: string;
  readonly topicPartitions?: string;
  readonly time?: string;
  readonly excludeInternalTopics?: boolean;
}

export function addKafkaGetOffsets(program: Command, session: Session): void {
  const command = addTool(program, "kafka-get-offsets", "offsets by time")
    .option("--topic <topics>", "the topics, as patterns")
    .option("--partitions <numbers>", "partitions of each: 0,2,…")
    .option("--topic-partitions <places>", "pattern:partitions, such as t:0-2,u")
    .option(
      "--time <time>",
      "a timestamp, or latest (-1), earliest (-2), max-timestamp (-3), earliest-local (-4), latest-tiered (-5), earliest-pending-upload (-6)",
    )
    .option("--exclude-internal-topics", "leave internal topics out");
  runsAs<Options>(addConnectOptions(command), {
    session,
    tell: (reason) => session.note(`Error occurred: ${reason}`),
    run: (options) => withKafka(session, options, (client) => run(session, client, options)),
  });
}

async function run(session: Session, client: KafkaClient, options: Options): Promise<void> {
  const { topic, partitions, topicPartitions, excludeInternalTopics } = options;
  if (topicPartitions !== undefined && (topic !== undefined || partitions !== undefined))
    throw new ToolError("--topic-partitions cannot be used with --topic or --partitions");
  const time = timeOf(options.time ?? "latest");
  const wanted = topicPartitions === undefined ? plain(topic, partitions) : places(topicPartitions);
  const found = (await client.topics(null))
    .filter(({ isInternal }) => !(excludeInternalTopics === true && isInternal))
    .flatMap(({ name, partitions: all }) =>
      all.map(({ partition }) => ({ topic: name, partition })),
    )
    .filter(({ topic: name, partition }) => wanted(name, partition))
    // As text, which is Kafka's order: t-10 comes before t-2.
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  if (found.length === 0)
    throw new ToolError("Could not match any topic-partitions with the specified filters");
  const offsets = await offsetsAt(client, found, time);
  // Where no record is that young there is no line.
  const lines = offsets.flatMap(({ topic: name, partition, offset }) =>
    offset === null ? [] : [`${name}:${partition}:${offset}\n`],
  );
  await session.io.stdout.write(lines.join(""));
}

type Wanted = (topic: string, partition: number) => boolean;

function plain(topics: string | undefined, partitions: string | undefined): Wanted {
  const named = topics === undefined ? () => true : includes(topics);
  const numbers = (partitions || undefined)?.split(",").map((text) => {
    if (!/^\d+$/.test(text))
      throw new ToolError(
        `--partitions expects a comma separated list of numeric partition ids, but received: ${partitions}`,
      );
    return Number(text);
  });
  return (topic, partition) => named(topic) && (numbers?.includes(partition) ?? true);
}

/** `pattern:0`, `pattern:1-`, `pattern:-3`, `pattern:1-3` (the upper one is exclusive), or a pattern alone. */
function places(text: string): Wanted {
  const each = text.split(",").map((part): Wanted => {
    const match = /^([^:]*)(?::(?:(\d+)|(\d*)-(\d*))?)?$/.exec(part);
    if (!match) throw new ToolError(`Invalid rule specification: ${part}`);
    const [, pattern = "", only, from, to] = match;
    const named = pattern === "" ? () => true : includes(pattern);
    const least = Number(only ?? (from || 0));
    const past = only !== undefined ? Number(only) + 1 : to ? Number(to) : Infinity;
    return (topic, partition) => named(topic) && partition >= least && partition < past;
  });
  return (topic, partition) => each.some((matches) => matches(topic, partition));
}

function timeOf(text: string): number {
  const special = specialTimes.get(text);
  if (special !== undefined) return special;
  if (/^-?\d{1,16}$/.test(text)) return Number(text);
  throw new ToolError(
    `Malformed time argument ${text}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp`,
  );
}
