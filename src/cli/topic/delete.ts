/**
 * `kedge topic delete NAME…`: the topics and their records. Asks first, or wants `--yes`.
 */
import type { Command } from "commander";
import { topicNames } from "../arguments.ts";
import { confirm } from "../confirm.ts";
import { forEachName } from "../each-name.ts";
import { withTopic } from "../near-topic.ts";
import type { Session } from "../session.ts";

export function addDelete(topic: Command, session: Session): void {
  topic
    .command("delete")
    .alias("rm")
    .description("delete topics with all their records")
    .argument("<name...>", "the topics", topicNames)
    .option("-y, --yes", "do not ask")
    .action(async (names: readonly string[], { yes }: { readonly yes?: boolean }) => {
      const topics = names.length === 1 ? `topic ${names[0]}` : `topics ${names.join(", ")}`;
      await confirm(session.io, `Delete ${topics} with all records?`, yes);
      const kedge = await session.connect();
      await forEachName(session, names, async (name) => {
        await withTopic(kedge, name, () => kedge.deleteTopic(name), false);
        await session.note(`Topic ${name} deleted.`);
      });
    });
}
