/**
 * The options of kafka-console-consumer.sh: how they go together, and what they come to with the properties files.
 */
import { type Command, Option } from "commander";
import { UsageError } from "../../lib/setting.ts";
import { integer } from "../arguments.ts";
import { gathered, propertiesOf, settings, ToolError, type ConnectOptions } from "./connect.ts";
import type { PlaceReset } from "./fetcher.ts";
import { type Format, formatterOf } from "./formatter.ts";
import { isoDurationMs } from "./group-resets.ts";
import { refuseBoth, requireOne, type Given } from "./tool.ts";

export interface ConsumerOptions extends ConnectOptions {
  readonly topic?: string;
  readonly include?: string;
  readonly partition?: number;
  readonly offset?: string;
  readonly fromBeginning?: boolean;
  readonly group?: string;
  readonly maxMessages?: number;
  readonly timeoutMs?: number;
  readonly isolationLevel?: string;
  readonly formatter: string;
  readonly formatterConfig?: string;
  readonly formatterProperty?: readonly string[];
  readonly property?: readonly string[];
  readonly keyDeserializer?: string;
  readonly valueDeserializer?: string;
  readonly skipMessageOnError?: boolean;
  readonly enableSystestEvents?: boolean;
  readonly commandProperty?: readonly string[];
  readonly consumerProperty?: readonly string[];
  readonly "consumer.config"?: string;
}

export const deprecatedConsumerOptions = {
  property: "formatter-property",
  "consumer-property": "command-property",
  "consumer.config": "command-config",
};

export function addConsumerOptions(command: Command): Command {
  return command
    .option("--topic <topic>", "the topic")
    .option("--include <pattern>", "every topic that it matches")
    .option("--partition <number>", "one partition of the topic", integer)
    .option("--offset <place>", "where in the partition: a number, earliest or latest (latest)")
    .option("--from-beginning", "from the first record, where the group has not read yet")
    .option("--group <group>", "be a member of this group")
    .option("--max-messages <count>", "end after so many records", integer)
    .option("--timeout-ms <ms>", "end when no record came for so long", integer)
    .addOption(
      new Option("--isolation-level <level>", "whether open transactions are waited for").choices([
        "read_committed",
        "read_uncommitted",
      ]),
    )
    .option(
      "--formatter-property <name=value>",
      "print.key, print.value, print.timestamp, print.partition, print.offset, print.headers, key.separator, line.separator, headers.separator, null.literal, key.deserializer, value.deserializer, headers.deserializer; may repeat",
      gathered,
    )
    .option("--formatter-config <file>", "formatter properties in a file")
    .option("--property <name=value>", "as --formatter-property", gathered)
    .option(
      "--formatter <class>",
      "how records are shown: DefaultMessageFormatter, LoggingMessageFormatter or NoOpMessageFormatter",
      "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
    )
    .option("--key-deserializer <class>", "as --formatter-property key.deserializer")
    .option("--value-deserializer <class>", "as --formatter-property value.deserializer")
    .option("--skip-message-on-error", "go on after a record that cannot be shown")
    .addOption(new Option("--enable-systest-events").hideHelp())
    .option(
      "--command-property <name=value>",
      "group.id, auto.offset.reset, isolation.level, enable.auto.commit, client.id; may repeat",
      gathered,
    )
    .option("--consumer-property <name=value>", "as --command-property", gathered)
    .addOption(new Option("--consumer.config <file>", "as --command-config").hideHelp());
}

/** Throws UsageError for what does not go together, or is missing. */
export function checkConsumerOptions(given: Given, { offset }: ConsumerOptions): void {
  requireOne(given, "topic", "include");
  if (given.has("partition")) {
    if (!given.has("topic"))
      throw new UsageError("The topic is required when partition is specified.");
    if (given.has("from-beginning") && given.has("offset"))
      throw new UsageError("Options from-beginning and offset cannot be specified together.");
  } else if (given.has("offset")) {
    throw new UsageError("The partition is required when offset is specified.");
  }
  if (offset !== undefined && !/^(?:earliest|latest|\d{1,15})$/i.test(offset))
    throw new UsageError(
      `The provided offset value '${offset}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.`,
    );
  refuseBoth(given, "consumer-property", "command-property");
  refuseBoth(given, "consumer.config", "command-config");
  refuseBoth(given, "property", "formatter-property");
}

/** What is to be read, and how; `properties` are the client's. */
export interface Reading {
  readonly properties: ReadonlyMap<string, string>;
  readonly group: string | undefined;
  readonly reset: PlaceReset;
  readonly committedOnly: boolean;
  readonly commits: boolean;
  readonly format: Format;
}

/** Reads the files that the options name. Throws UsageError, ToolError. */
export async function readingOf(options: ConsumerOptions): Promise<Reading> {
  const inFile = await propertiesOf(options["consumer.config"] ?? options.commandConfig);
  const typed = settings(options.consumerProperty ?? options.commandProperty);
  const properties = new Map([...inFile, ...typed]);
  const groups = [options.group, inFile.get("group.id"), typed.get("group.id")];
  const named = new Set(groups.filter((group) => group !== undefined));
  if (named.size > 1)
    throw new UsageError(
      `The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: ${[...named].map((group) => `'${group}'`).join(", ")}`,
    );
  if (named.size > 0 && options.partition !== undefined)
    throw new UsageError("Options group and partition cannot be specified together.");
  return {
    properties,
    group: [...named][0],
    reset: resetOf(options, properties),
    committedOnly:
      (options.isolationLevel ?? properties.get("isolation.level")) === "read_committed",
    commits: properties.get("enable.auto.commit")?.toLowerCase() !== "false",
    format: await formatOf(options),
  };
}

async function formatOf(options: ConsumerOptions): Promise<Format> {
  const { keyDeserializer, valueDeserializer } = options;
  return formatterOf(
    options.formatter,
    new Map([
      ...(await propertiesOf(options.formatterConfig)),
      ...(keyDeserializer === undefined ? [] : [["key.deserializer", keyDeserializer] as const]),
      ...(valueDeserializer === undefined
        ? []
        : [["value.deserializer", valueDeserializer] as const]),
      ...settings(options.formatterProperty ?? options.property),
    ]),
  );
}

const BY_DURATION = "by_duration:";

function resetOf(
  { fromBeginning, offset }: ConsumerOptions,
  properties: ReadonlyMap<string, string>,
): PlaceReset {
  if (offset !== undefined) return /^earliest$/i.test(offset) ? "earliest" : "latest";
  const told = properties.get("auto.offset.reset");
  if (told === undefined) return fromBeginning === true ? "earliest" : "latest";
  if (fromBeginning === true && told !== "earliest")
    throw new UsageError(
      `Can't simultaneously specify --from-beginning and 'auto.offset.reset=${told}', please remove one option`,
    );
  if (told === "earliest" || told === "latest" || told === "none") return told;
  if (told.startsWith(BY_DURATION)) return { ageMs: isoDurationMs(told.slice(BY_DURATION.length)) };
  throw new ToolError(
    `Invalid value \`${told}\` for configuration auto.offset.reset. The value must be either 'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'.`,
  );
}
