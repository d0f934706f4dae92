/**
 * `kedge topic list`
 */
import type { Command } from "commander";
import type { TopicSummary } from "../../client/client.ts";
import { formatFor, outputOption, showList, type Column, type ListFormat } from "../output.ts";
import type { Session } from "../session.ts";
import { KEDGE } from "../kedge-command.ts";

const columns: readonly Column<TopicSummary>[] = [
  ["TOPIC", (topic) => topic.name],
  ["PARTITIONS", (topic) => topic.partitions],
  ["REPLICAS", (topic) => topic.replicationFactor],
  ["ID", (topic) => topic.id],
];

interface Options {
  readonly output?: ListFormat;
  readonly internal?: boolean;
}

export function addList(topic: Command, session: Session): void {
  topic
    .command("list")
    .alias("ls")
    .description("list topics by name")
    .option("--internal", "kedge's own topics too")
    .addOption(outputOption())
    .action(async (options: Options) => {
      const { stdout } = session.io;
      const kedge = await session.connect();
      const topics = await kedge.topics({ internal: options.internal === true });
      await showList(topics, columns, formatFor(options.output, stdout), stdout);
      if (topics.length === 0 && stdout.isTerminal)
        await session.note(`There are no topics yet. Make one with "${KEDGE} topic create NAME".`);
    });
}
