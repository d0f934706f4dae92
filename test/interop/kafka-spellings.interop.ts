/**
 * Our commands in Kafka's own spelling beside Kafka's tools: each is run against one Apache Kafka by both, and must print the
 * same to the byte, once what no two runs share (ids, times) is written over.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { runCli } from "../conformance/run-cli.ts";
import { kafkaMissing } from "../peers/kafka.ts";
import { type InteropBroker, startApacheKafka, toolOf } from "./kafka-broker.ts";

interface Spelling {
  readonly tool: string;
  readonly ours: string;
  readonly words: string;
  readonly input?: string;
  /** What Kafka's tool prints of itself, on stdout too. */
  readonly chatter?: RegExp;
}

const topics = { tool: "TopicCommand", ours: "kafka-topics" };
const configs = { tool: "ConfigCommand", ours: "kafka-configs" };
const groups = { tool: "ConsumerGroupCommand", ours: "kafka-consumer-groups" };
const offsets = { tool: "GetOffsetShell", ours: "kafka-get-offsets" };
const consumer = {
  tool: "ConsoleConsumer",
  ours: "kafka-console-consumer",
  chatter: /^Option --property is deprecated.*\n|^The consumer rebalance protocol.*\n/gm,
};

const serialization = "org.apache.kafka.common.serialization";

/** What is shown: nothing here changes what a later one shows. */
const spellings: readonly Spelling[] = [
  { ...topics, words: "--list" },
  { ...topics, words: "--describe --exclude-internal" },
  { ...topics, words: "--describe --topic none" },
  { ...topics, words: "--describe --topic t --at-min-isr-partitions" },
  { ...topics, words: "--describe --topic t --under-min-isr-partitions" },
  { ...topics, words: "--describe --topic-id 5g7bVnqXRTuQ0Nn5cO1yzg" },
  { ...topics, words: "--create --topic t" },
  { ...topics, words: "--create --topic t --if-not-exists" },
  { ...topics, words: "--alter --topic t --partitions 1" },
  { ...configs, words: "--describe --topic t" },
  { ...configs, words: "--describe --entity-type topics --entity-name t --all" },
  { ...configs, words: "--alter --topic t --add-config retention.ms=70000" },
  { ...configs, words: "--describe --entity-type users --entity-type clients" },
  { ...configs, words: "--describe --client c" },
  { ...offsets, words: "--topic t" },
  { ...offsets, words: "--topic-partitions t:0-1 --time earliest" },
  { ...offsets, words: "--topic t --time 1" },
  { ...groups, words: "--list" },
  { ...groups, words: "--list --state" },
  { ...groups, words: "--list --type --state" },
  { ...groups, words: "--describe --group g" },
  { ...groups, words: "--describe --group g --members" },
  { ...groups, words: "--describe --group g --members --verbose" },
  { ...groups, words: "--describe --group g --state" },
  { ...groups, words: "--reset-offsets --group g --topic t:0 --shift-by -1 --dry-run" },
  { ...groups, words: "--reset-offsets --group g --topic t:1 --to-earliest --dry-run --export" },
  { ...groups, words: "--reset-offsets --all-groups --topic t:1 --to-latest --dry-run --export" },
  {
    ...consumer,
    words: `--topic t --partition 0 --offset earliest --max-messages 2 --property print.key=true --property key.deserializer=${serialization}.ShortDeserializer --property value.deserializer=${serialization}.StringDeserializer`,
  },
  {
    ...consumer,
    words:
      "--topic t --partition 0 --offset earliest --max-messages 3 --property print.key=true --property print.timestamp=true --property print.offset=true --property print.headers=true --property print.partition=true",
  },
];

const missing = kafkaMissing();
if (missing !== null) console.error(`Apache Kafka is left out: ${missing}`);
let broker: InteropBroker;

beforeAll(async () => {
  if (missing !== null) return;
  broker = await startApacheKafka();
  await kedge("kafka-topics", "--create --topic t --partitions 2 --config retention.ms=70000");
  const quota = "--add-config producer_byte_rate=20000000";
  await kedge("kafka-configs", `--alter --client c ${quota}`);
  await kedge("kafka-configs", `--alter --user u --client-defaults ${quota}`);
  const keyed = "--property parse.key=true --property parse.headers=true";
  const input = Array.from({ length: 6 }, (_, at) => `h:${at}\tk${at}\t${at}\n`).join("");
  await kedge("kafka-console-producer", `--topic t ${keyed}`, input);
  await kedge("kafka-console-consumer", "--topic t --group g --from-beginning --max-messages 6");
}, 120_000);

afterAll(() => broker?.stop(), 60_000);

function kedge(command: string, words: string, stdin = "") {
  const line = [command, "--bootstrap-server", broker.bootstrap, ...words.split(" ")];
  return runCli(line, { stdin });
}

test
  .skipIf(missing !== null)
  .each(spellings.map((each) => [`${each.ours} ${each.words}`, each] as const))(
  "%s",
  async (_name, { tool, ours, words, input = "", chatter }) => {
    const theirs = await toolOf(
      tool,
      ["--bootstrap-server", broker.bootstrap, ...words.split(" ")],
      input,
    );
    const { out } = await kedge(ours, words, input);
    const shown = (text: string) => (chatter ? text.replaceAll(chatter, "") : text);
    // Theirs has stderr behind stdout: Java's traces, and words that ours say otherwise.
    const wanted = shown(theirs.output).slice(0, shown(out).length);
    expect(shown(out)).toBe(wanted);
    expect(out.length > 0 || !/^\w/.test(theirs.output)).toBe(true);
  },
  60_000,
);
