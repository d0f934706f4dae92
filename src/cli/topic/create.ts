/**
 * `kedge topic create NAME…`
 */
import type { Command } from "commander";
import { KedgeError } from "../../client/client.ts";
import { assignment, topicNames, wholeNumber } from "../arguments.ts";
import { forEachName } from "../each-name.ts";
import { counted } from "../progress.ts";
import type { Session } from "../session.ts";

interface Options {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
  readonly ifNotExists?: boolean;
  readonly dryRun?: boolean;
}

export function addCreate(topic: Command, session: Session): void {
  topic
    .command("create")
    .description("make topics")
    .argument("<name...>", "the topics", topicNames)
    .option("-p, --partitions <count>", "how many partitions (the node's default)", wholeNumber)
    .option("-c, --config <name=value>", "a topic config by Kafka's name; may repeat", assignment)
    .option("--if-not-exists", "a topic that is there already is fine")
    .option("--dry-run", "check all of it and make nothing")
    .action((names: readonly string[], options: Options) => create(session, names, options));
}

async function create(session: Session, names: readonly string[], options: Options): Promise<void> {
  const kedge = await session.connect();
  const { partitions, config: configs, dryRun: validateOnly } = options;
  await forEachName(session, names, async (name) => {
    try {
      const made = await kedge.createTopic({ name, partitions, configs, validateOnly });
      const word = validateOnly === true ? "could be made" : "made";
      await session.note(`Topic ${name} ${word}, with ${counted(made.partitions, "partitions")}.`);
    } catch (error) {
      const isThere = error instanceof KedgeError && error.code === "topic_already_exists";
      if (!isThere || options.ifNotExists !== true) throw error;
      await session.note(`Topic ${name} is there already.`);
    }
  });
}
