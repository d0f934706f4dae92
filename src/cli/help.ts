/**
 * `kedge help [COMMAND…]`, and the same below each command that has others: commander's own says nothing of a word that is no
 * command, and looks at the first alone.
 */
import type { Command } from "commander";

/** Replaces commander's own help command, here and below. */
export function addHelp(command: Command): void {
  for (const each of command.commands) if (each.commands.length > 0) addHelp(each);
  command.helpCommand(false);
  command
    .command("help")
    .description("display help for command")
    .argument("[command...]")
    .action(async (words: readonly string[]) => {
      let at = command;
      for (const word of words) {
        const next = commandOf(at, word);
        if (!next) return refuse(at, word);
        at = next;
      }
      at.help();
    });
}

/** The command that a word means here, by its name or another. */
export function commandOf(command: Command, word: string): Command | undefined {
  return command.commands.find((each) => each.name() === word || each.aliases().includes(word));
}

/** As commander refuses the word itself, with what is spelled alike. */
async function refuse(at: Command, word: string): Promise<void> {
  if (at.commands.length > 0) await at.parseAsync([word], { from: "user" });
  at.error(`error: unknown command '${word}'`, { code: "commander.unknownCommand" });
}
