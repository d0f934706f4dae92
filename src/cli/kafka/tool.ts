/**
 * A command as one of Kafka's tools: how its words are read and refused.
 *
 * - Exit codes are Kafka's: 0, or 1 for whatever went wrong, a wrong word too. Where Kafka's tool ends with 0 though it failed
 *   (groups that are not there, a record that is refused), these end with 1.
 * - Data goes to stdout as Kafka's tools print it; where those print their help or a Java stack trace on stderr, these print a
 *   sentence.
 * - What Kafka passes over in silence and has no effect here is told on stderr.
 */
import type { Command, Option } from "commander";
import { errorCode } from "../../lib/error-code.ts";
import { Unreachable } from "../../kafka/client-connection.ts";
import { KafkaError } from "../../kafka/client-error.ts";
import { UsageError } from "../../lib/setting.ts";
import { bootstrapHint, Ended, exitCodes } from "../exit.ts";
import { KEDGE } from "../kedge-command.ts";
import type { Session } from "../session.ts";
import { gathered, ToolError } from "./connect.ts";

/** The options that were typed, by their names without dashes. */
export type Given = ReadonlySet<string>;

interface Tool<Options> {
  readonly session: Session;
  /** Says what went wrong, as this tool does: on stdout or stderr, in its words. */
  tell(reason: string, error: Error): Promise<void>;
  /** Checks how the options go together, before anything is asked of a broker. Throws UsageError. */
  check?(given: Given, options: Options): void;
  run(options: Options, given: Given): Promise<void>;
}

/** Begins a command; its options follow, then `runsAs`. */
export function addTool(program: Command, name: string, about: string): Command {
  return program
    .command(name)
    .alias(`${name}.sh`)
    .description(`${about}, in Kafka's own spelling`)
    .showHelpAfterError(helpHint(name))
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new Ended(exitCodes.failure);
    });
}

function helpHint(name: string): string {
  return `Try "${KEDGE} ${name} --help".`;
}

/** What the command does, once it has all its options. */
export function runsAs<Options>(command: Command, tool: Tool<Options>): void {
  for (const option of command.options) if (takesOne(option)) refuseSecond(command, option);
  command.action(async (options: Options) => {
    const given = givenTo(command);
    if (given.size === 0) command.help({ error: true });
    try {
      tool.check?.(given, options);
      await tool.run(options, given);
    } catch (error) {
      await ended(error, command, tool);
    }
  });
}

function takesOne({ required, optional, parseArg }: Option): boolean {
  return (required || optional) && parseArg !== gathered;
}

function refuseSecond(command: Command, option: Option): void {
  let count = 0;
  command.on(`option:${option.name()}`, () => {
    count += 1;
    if (count > 1)
      command.error(
        `Found multiple arguments for option ${option.name()}, but you asked for only one`,
      );
  });
}

function givenTo(command: Command): Given {
  const given = command.options.filter(
    (option) => command.getOptionValueSource(option.attributeName()) === "cli",
  );
  return new Set(given.map((option) => option.name()));
}

async function ended<Options>(error: unknown, command: Command, tool: Tool<Options>) {
  const { session } = tool;
  if (error instanceof UsageError) {
    await session.note(`${error.message}\n${helpHint(command.name())}`);
  } else if (
    error instanceof KafkaError ||
    error instanceof Unreachable ||
    error instanceof ToolError
  ) {
    await tool.tell(error.message, error);
    if (error instanceof Unreachable) await session.note(bootstrapHint(error));
  } else if (isSystemError(error)) {
    await session.note(error.message);
  } else {
    throw error;
  }
  throw new Ended(exitCodes.failure);
}

/** Of a file that is not there, or not to be read. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && /^E[A-Z]+$/.test(errorCode(error));
}

/** Refuses an option that was given together with one of others. Throws UsageError. */
export function refuseWith(given: Given, option: string, ...others: readonly string[]): void {
  if (!given.has(option)) return;
  const other = others.find((each) => given.has(each));
  if (other !== undefined)
    throw new UsageError(`Option "[${option}]" can't be used with option "[${other}]"`);
}

/** Refuses two spellings of the same. Throws UsageError. */
export function refuseBoth(given: Given, one: string, other: string): void {
  if (given.has(one) && given.has(other))
    throw new UsageError(`Options --${one} and --${other} cannot be specified together.`);
}

/** Throws UsageError where one of these is missing. */
export function requireAll(given: Given, ...options: readonly string[]): void {
  const missing = options.find((each) => !given.has(each));
  if (missing !== undefined) throw new UsageError(`Missing required argument "[${missing}]"`);
}

/** Throws UsageError unless exactly one of these is given. */
export function requireOne(given: Given, ...options: readonly string[]): void {
  if (options.filter((option) => given.has(option)).length === 1) return;
  const names = options.map((option) => `[${option}]`).join(", ");
  throw new UsageError(`Exactly one of the following arguments is required: ${names}`);
}

/** Tells that an older spelling is on its way out, as Kafka does, but not among the data. */
export async function tellDeprecated(
  { note }: Session,
  given: Given,
  pairs: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [older, newer] of Object.entries(pairs))
    if (given.has(older))
      await note(
        `Warning: --${older} is deprecated and will be removed in a future version. Use --${newer} instead.`,
      );
}

/** Tells which of these options were given and change nothing here. */
export async function tellUnneeded(
  { note }: Session,
  given: Given,
  unneeded: readonly string[],
): Promise<void> {
  const found = unneeded.filter((option) => given.has(option)).map((option) => `--${option}`);
  if (found.length > 0) await note(`Without effect here: ${found.join(", ")}`);
}
