/**
 * `kedge topic alter NAME`: more partitions, configs set or unset.
 */
import type { Command } from "commander";
import { UsageError } from "../../lib/setting.ts";
import { assignment, topicName, wholeNumber } from "../arguments.ts";
import { withTopic } from "../near-topic.ts";
import type { Session } from "../session.ts";

interface Options {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
  readonly unset?: readonly string[];
}

export function addAlter(topic: Command, session: Session): void {
  topic
    .command("alter")
    .description("add partitions, change configs")
    .argument("<name>", "the topic", topicName)
    .option("-p, --partitions <count>", "the new number of partitions, only ever more", wholeNumber)
    .option("-c, --config <name=value>", "set a config; may repeat", assignment)
    .option("-u, --unset <name...>", "back to the default")
    .action((name: string, options: Options) => alter(session, name, options));
}

async function alter(session: Session, name: string, options: Options): Promise<void> {
  const { partitions, config = {}, unset = [] } = options;
  const configs = { ...config, ...Object.fromEntries(unset.map((each) => [each, null])) };
  if (partitions === undefined && Object.keys(configs).length === 0)
    throw new UsageError("Say what to change: --partitions, --config or --unset.");
  const kedge = await session.connect();
  const change = { partitions, configs };
  const altered = await withTopic(kedge, name, () => kedge.alterTopic(name, change));
  const changes = Object.keys(configs).map((each) => `${each}=${altered.configs[each]?.value}`);
  if (partitions !== undefined) changes.unshift(`${altered.partitions} partitions`);
  await session.note(`Topic ${name}: ${changes.join(", ")}.`);
}
