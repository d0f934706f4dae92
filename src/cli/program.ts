/**
 * The command line: which commands there are. Each is a file of its own, loaded once it is asked for.
 *
 * - Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failure, 2 usage.
 * - `serve` is listed here for `--help` alone: main.ts runs it without loading this file.
 */
import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };

/** Runs one command line and gives the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = createProgram();
  if (args.length === 0) {
    program.outputHelp({ error: true });
    return 2;
  }
  try {
    await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

function createProgram(): Command {
  const program = new Command("kedge")
    .description(manifest.description)
    .version(manifest.version)
    .exitOverride()
    .showSuggestionAfterError();
  program.command("serve").description("start a node (kedge serve --help tells its flags)");
  return program;
}
