/**
 * Our commands in Kafka's own spelling beside Kafka's tools: each is run against one Apache Kafka by both, and must print the
 * same to the byte and end with the same code; what both refuse, they refuse in the same words.
 *
 * Left out: where Kafka's tool ends with 0 although it failed, as with a group that is not there; ours ends with 1.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "../conformance/run-cli.ts";
import { type Java, startJava } from "../peers/java.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka } from "./kafka-broker.ts";

const tools = {
  "kafka-topics": "org.apache.kafka.tools.TopicCommand",
  "kafka-configs": "kafka.admin.ConfigCommand",
  "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
  "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
  "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
  "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
} as const;

type Tool = keyof typeof tools;

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const serialization = "org.apache.kafka.common.serialization";
const formatters = "org.apache.kafka.tools.consumer";
const one = "--topic t --partition 0 --offset earliest";

/** What is shown or done by both, one after the other; FOLDER is where the files are. */
const same: readonly (readonly [Tool, string, string?])[] = [
  ["kafka-topics", "--list"],
  ["kafka-topics", "--list --topic nowhere"],
  ["kafka-topics", "--describe --topic t"],
  ["kafka-topics", "--describe --topic nowhere"],
  ["kafka-topics", "--describe --topic nowhere --if-exists"],
  ["kafka-topics", "--describe --topic t --at-min-isr-partitions"],
  ["kafka-topics", "--describe --topic t --under-min-isr-partitions"],
  ["kafka-topics", "--describe --topic-id 5g7bVnqXRTuQ0Nn5cO1yzg"],
  ["kafka-topics", "--create --topic t"],
  ["kafka-topics", "--create --topic t --if-not-exists"],
  ["kafka-topics", "--create --topic a.b!"],
  ["kafka-topics", "--create --topic u --partitions 0"],
  ["kafka-topics", "--create --topic u --replication-factor 0"],
  ["kafka-topics", "--create --topic u --config bogus=1"],
  ["kafka-topics", "--create --topic u --replica-assignment 1:1"],
  ["kafka-topics", "--alter --topic t --partitions 1"],
  ["kafka-topics", "--alter --topic nowhere --partitions 1 --if-exists"],
  ["kafka-topics", "--delete --topic nowhere"],
  ["kafka-topics", "--delete --topic nowhere --if-exists"],
  ["kafka-configs", "--describe --topic t"],
  ["kafka-configs", "--describe --topic nowhere"],
  ["kafka-configs", "--describe --entity-type topics --entity-name t --all"],
  ["kafka-configs", "--alter --topic t --add-config retention.ms=70000"],
  ["kafka-configs", "--alter --topic t --add-config cleanup.policy=[compact,delete]"],
  ["kafka-configs", "--alter --topic t --delete-config cleanup.policy"],
  ["kafka-configs", "--alter --broker-defaults --add-config log.cleaner.threads=1"],
  ["kafka-configs", "--describe --entity-type brokers"],
  ["kafka-configs", "--alter --broker-defaults --delete-config log.cleaner.threads"],
  ["kafka-configs", "--describe --broker-defaults"],
  ["kafka-configs", "--describe --broker 9"],
  ["kafka-configs", "--describe --group g"],
  ["kafka-configs", "--describe --group nowhere"],
  ["kafka-configs", "--describe --entity-type groups"],
  ["kafka-configs", "--alter --client-metrics m --add-config interval.ms=1000"],
  ["kafka-configs", "--describe --client-metrics m"],
  ["kafka-configs", "--describe --entity-type users --entity-type clients"],
  ["kafka-configs", "--describe --client c"],
  ["kafka-configs", "--alter --user-defaults --add-config producer_byte_rate=9"],
  ["kafka-get-offsets", "--topic t"],
  ["kafka-get-offsets", "--topic-partitions t:0-1 --time earliest"],
  ["kafka-get-offsets", "--topic-partitions t: --time max-timestamp"],
  ["kafka-get-offsets", "--topic t --time 1"],
  ["kafka-get-offsets", "--topic t --time -6"],
  ["kafka-get-offsets", "--topic nowhere"],
  ["kafka-get-offsets", "--exclude-internal-topics"],
  ["kafka-consumer-groups", "--list"],
  ["kafka-consumer-groups", "--list --state"],
  ["kafka-consumer-groups", "--list --state stable"],
  ["kafka-consumer-groups", "--list --type --state"],
  ["kafka-consumer-groups", "--describe --group g"],
  ["kafka-consumer-groups", "--describe --all-groups --verbose"],
  ["kafka-consumer-groups", "--describe --group g --members"],
  ["kafka-consumer-groups", "--describe --group g --members --verbose"],
  ["kafka-consumer-groups", "--describe --group g --state"],
  ["kafka-consumer-groups", "--describe --group g --state --verbose"],
  ["kafka-consumer-groups", "--reset-offsets --group g --topic t:0 --shift-by -1 --dry-run"],
  ["kafka-consumer-groups", "--reset-offsets --group g --topic t:0 --to-offset 99 --dry-run"],
  ["kafka-consumer-groups", "--reset-offsets --group g --topic t:0 --to-current --dry-run"],
  ["kafka-consumer-groups", "--reset-offsets --group new --topic t:1 --by-duration PT1H --dry-run"],
  [
    "kafka-consumer-groups",
    "--reset-offsets --group g --topic t:1 --to-earliest --dry-run --export",
  ],
  [
    "kafka-consumer-groups",
    "--reset-offsets --all-groups --topic t:1 --to-latest --dry-run --export",
  ],
  ["kafka-consumer-groups", "--validate-regex a.*"],
  ["kafka-consumer-groups", "--validate-regex (?=a)"],
  ["kafka-delete-records", "--offset-json-file FOLDER/none-deleted.json"],
  ["kafka-console-producer", "--topic p", "a\nb\n"],
  ["kafka-console-producer", "--topic p --sync --compression-codec", "c\n"],
  ["kafka-console-producer", "--topic p --reader-config FOLDER/reader.properties", "k=v\n"],
  ["kafka-console-consumer", "--topic p --from-beginning --max-messages 8"],
  [
    "kafka-console-consumer",
    `${one} --max-messages 1 --formatter ${formatters}.NoOpMessageFormatter`,
  ],
  ["kafka-console-consumer", `${one} --max-messages 1 --formatter-property print.value=false`],
  [
    "kafka-console-consumer",
    `${one} --max-messages 2 --formatter-config FOLDER/format.properties --key-deserializer ${serialization}.ShortDeserializer`,
  ],
  [
    "kafka-console-consumer",
    `${one} --max-messages 2 --skip-message-on-error --value-deserializer ${serialization}.LongDeserializer`,
  ],
  [
    "kafka-console-consumer",
    `${one} --max-messages 3 ${["key", "timestamp", "offset", "headers", "partition", "epoch", "delivery"].map((name) => `--formatter-property print.${name}=true`).join(" ")}`,
  ],
];

/** What both refuse before they ask for anything: exit 1, nothing on stdout, the same first line on stderr. */
const refusals: readonly (readonly [Tool, string])[] = [
  ["kafka-topics", "--list --describe"],
  ["kafka-topics", "--create"],
  ["kafka-topics", "--alter --topic t"],
  ["kafka-topics", "--describe --topic t --partitions 3"],
  ["kafka-topics", "--create --topic t --if-exists"],
  ["kafka-topics", "--describe --topics-with-overrides --unavailable-partitions"],
  ["kafka-configs", "--describe"],
  ["kafka-configs", "--describe --alter --topic t"],
  ["kafka-configs", "--describe --topic t --add-config a=b"],
  ["kafka-configs", "--describe --broker x"],
  ["kafka-configs", "--describe --topic bad!"],
  ["kafka-configs", "--describe --entity-type topics --entity-default"],
  ["kafka-configs", "--describe --entity-type users --entity-type users"],
  ["kafka-configs", "--alter --topic t"],
  ["kafka-configs", "--alter --topic t --add-config retention.ms"],
  ["kafka-configs", "--alter --user u --add-config producer_byte_rate=x"],
  ["kafka-configs", "--alter --user u --delete-config producer_byte_rate"],
  ["kafka-consumer-groups", "--describe"],
  ["kafka-consumer-groups", "--list --group g"],
  ["kafka-consumer-groups", "--describe --group g --topic t"],
  ["kafka-consumer-groups", "--describe --group g --members --state"],
  ["kafka-consumer-groups", "--delete --group g --topic t"],
  ["kafka-consumer-groups", "--delete-offsets --group g"],
  ["kafka-consumer-groups", "--reset-offsets --group g --topic t: --to-latest --dry-run"],
  ["kafka-consumer-groups", "--reset-offsets --group g --topic t --dry-run --execute"],
  ["kafka-consumer-groups", "--reset-offsets --group new --topic t --shift-by 1 --dry-run"],
  ["kafka-get-offsets", "--topic t --time x"],
  ["kafka-get-offsets", "--topic t --topic-partitions t"],
  ["kafka-console-producer", ""],
  ["kafka-console-producer", "--topic t --property a=b --reader-property a=b"],
  ["kafka-console-consumer", ""],
  ["kafka-console-consumer", "--topic t --offset 1"],
  ["kafka-console-consumer", "--topic t --partition 0 --offset x"],
  ["kafka-console-consumer", "--topic t --partition 0 --group g"],
  ["kafka-console-consumer", "--topic t --group a --command-property group.id=b"],
  [
    "kafka-console-consumer",
    "--topic t --from-beginning --command-property auto.offset.reset=none",
  ],
];

const missing = kafkaMissing();
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
let broker: InteropBroker;
let java: Java<Answer>;
let folder: string;

beforeAll(async () => {
  if (missing !== null) return;
  java = startJava<Answer>("Tools.java");
  broker = await startApacheKafka();
  folder = await mkdtemp(join(tmpdir(), "kedge-spellings-"));
  await Bun.write(join(folder, "reader.properties"), "parse.key=true\nkey.separator==\n");
  await Bun.write(join(folder, "format.properties"), "print.key=true\nkey.separator=\\t\\:\n");
  const cuts = { version: 1, partitions: [{ topic: "t", partition: 0, offset: 0 }] };
  await Bun.write(join(folder, "none-deleted.json"), JSON.stringify(cuts));
  await ours("kafka-topics", "--create --topic t --partitions 2 --config retention.ms=70000");
  await ours("kafka-topics", "--create --topic p");
  const quota = "--add-config producer_byte_rate=20000000";
  await ours("kafka-configs", `--alter --client c ${quota}`);
  await ours("kafka-configs", `--alter --user u --client-defaults ${quota}`);
  const keyed = "--reader-property parse.key=true --reader-property parse.headers=true";
  const input = Array.from({ length: 6 }, (_, at) => `h:${at}\tk${at}\t${at}\n`).join("");
  await ours("kafka-console-producer", `--topic t ${keyed}`, input);
  await ours("kafka-console-consumer", "--topic t --group g --from-beginning --max-messages 6");
}, 120_000);

afterAll(async () => {
  await java?.close();
  await broker?.stop();
}, 60_000);

function wordsOf(line: string): string[] {
  const words = line
    .replaceAll("FOLDER", folder)
    .split(" ")
    .filter((word) => word !== "");
  return ["--bootstrap-server", broker.bootstrap, ...words];
}

function ours(tool: Tool, line: string, stdin = ""): Promise<Answer> {
  return runCli([tool, ...wordsOf(line)], { stdin });
}

function theirs(tool: Tool, line: string, input = ""): Promise<Answer> {
  return java.ask({ tool: tools[tool], words: wordsOf(line), input });
}

test
  .skipIf(missing !== null)
  .each(same.map(([tool, line, input = ""]) => [tool, line, input] as const))(
  "%s %s",
  async (tool, line, input) => {
    const { code, out } = await theirs(tool, line, input);
    const found = await ours(tool, line, input);
    expect({ out: found.out, code: found.code }).toEqual({ out, code });
  },
  60_000,
);

/** The first line; Kafka's tools list options in the order of a hash set, another one from start to start. */
const firstLine = (text: string) =>
  (text.split("\n", 1)[0] ?? "").replace(/\[[\w-]+\](, \[[\w-]+\])+$/, (options) =>
    options
      .split(", ")
      .toSorted((a, b) => a.localeCompare(b))
      .join(", "),
  );

test.skipIf(missing !== null).each([...refusals])(
  "%s %s is refused",
  async (tool, line) => {
    const { err } = await theirs(tool, line);
    const found = await ours(tool, line);
    expect([found.code, found.out]).toEqual([1, ""]);
    const warned = err.replace(/^WARN: No action will be performed.*\n/, "");
    expect(firstLine(found.err)).toBe(firstLine(warned));
  },
  60_000,
);
