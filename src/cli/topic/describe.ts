/**
 * `kedge topic describe NAME`: its partitions with their offsets, and its configs.
 */
import type { Command } from "commander";
import type { PartitionDescription, TopicDescription } from "../../client/client.ts";
import { topicName } from "../arguments.ts";
import type { Sink } from "../io.ts";
import { withTopic } from "../near-topic.ts";
import {
  formatFor,
  jsonText,
  outputOption,
  table,
  type Column,
  type ListFormat,
} from "../output.ts";
import type { Session } from "../session.ts";

const partitionColumns: readonly Column<PartitionDescription>[] = [
  ["PARTITION", (part) => part.partition],
  ["LEADER", (part) => part.leader],
  ["EPOCH", (part) => part.epoch],
  ["IN SYNC", (part) => part.isr.join(",")],
  ["LOG START", (part) => part.logStart],
  ["HIGH WATERMARK", (part) => part.highWatermark],
  ["BYTES", (part) => part.bytes],
];

interface Options {
  readonly output?: ListFormat;
  readonly allConfigs?: boolean;
}

export function addDescribe(topic: Command, session: Session): void {
  topic
    .command("describe")
    .description("show a topic's partitions and configs")
    .argument("<name>", "the topic", topicName)
    .option("--all-configs", "in the table: configs that were never set, too")
    .addOption(outputOption())
    .action(async (name: string, options: Options) => {
      const { stdout } = session.io;
      const kedge = await session.connect();
      const described = await withTopic(kedge, name, () => kedge.describeTopic(name));
      const format = formatFor(options.output, stdout);
      if (format === "table") await show(described, options.allConfigs === true, stdout);
      else await stdout.write(`${jsonText(described, format === "json" ? 2 : 0)}\n`);
    });
}

async function show(topic: TopicDescription, allConfigs: boolean, stdout: Sink): Promise<void> {
  const configs = Object.entries(topic.configs)
    .map(([name, { value, source }]) => ({ name, value, source }))
    .filter(({ source }) => allConfigs || source !== "default");
  await stdout.write(
    `${topic.name}  ${topic.id}\n\n${table(topic.partitionList, partitionColumns)}`,
  );
  if (configs.length === 0) return;
  const columns: readonly Column<(typeof configs)[number]>[] = [
    ["CONFIG", (config) => config.name],
    ["VALUE", (config) => config.value],
    ["SET BY", (config) => config.source],
  ];
  await stdout.write(`\n${table(configs, columns)}`);
}
