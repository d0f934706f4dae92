/**
 * The command line: which commands there are, each in a file of its own, and how a run of it ends.
 *
 * - Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 not allowed,
 *   5 unreachable or too late, 6 done in part, 130 interrupted. A reader of stdout that left ends it quietly.
 * - Commands speak to a node through the public client; those on groups and transactions and in Kafka's own spelling speak
 *   Kafka's protocol; `restore` and `doctor --data` alone open a data folder.
 * - `serve` is listed here for `--help` alone: main.ts runs it without loading this file.
 */
import process from "node:process";
import { Command, CommanderError } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { addBackup } from "./backup.ts";
import { addConsume } from "./consume.ts";
import { addDoctor } from "./doctor/doctor.ts";
import { endingOf, exitCodes } from "./exit.ts";
import { addExport } from "./export.ts";
import { addHelp, commandOf } from "./help.ts";
import { addGroup } from "./group/group.ts";
import { addImport } from "./import.ts";
import { endedBy, WIND_UP_MS } from "./interruption.ts";
import type { Io } from "./io.ts";
import { processIo } from "./process-io.ts";
import { addKafkaConfigs } from "./kafka/configs.ts";
import { addKafkaConsoleConsumer } from "./kafka/console-consumer.ts";
import { addKafkaConsoleProducer } from "./kafka/console-producer.ts";
import { addKafkaConsumerGroups } from "./kafka/consumer-groups.ts";
import { addKafkaDeleteRecords } from "./kafka/delete-records.ts";
import { addKafkaGetOffsets } from "./kafka/get-offsets.ts";
import { addKafkaTopics } from "./kafka/topics.ts";
import { addProduce } from "./produce.ts";
import { addRestore } from "./restore.ts";
import { addGlobalOptions, sessionOf, type Session } from "./session.ts";
import { addTxn } from "./txn/txn.ts";
import { addTopic } from "./topic/topic.ts";
import { KEDGE, START_NODE } from "./kedge-command.ts";

/** Runs one command line of this process and gives the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const io = processIo();
  const code = await run(args, io);
  // What a command that was interrupted still waits for must not keep the process.
  if (io.interrupted.aborted) process.exit(code);
  return code;
}

/**
 * Runs one command line and gives the exit code; touches nothing but `io`. Ctrl-C ends any command in WIND_UP_MS at the
 * latest: what it was about may go on until the process is gone.
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const written: Promise<void>[] = [];
  const program = new Command("kedge");
  const session = sessionOf(program, io);
  build(program, session, {
    writeOut: (text) => written.push(io.stdout.write(text)),
    writeErr: (text) => written.push(io.stderr.write(text)),
  });
  try {
    if (args.length === 0) program.help({ error: true });
    await endedBy(program.parseAsync(args, { from: "user" }), io.interrupted, WIND_UP_MS);
    await Promise.all(written);
    return io.interrupted.aborted ? exitCodes.interrupted : exitCodes.ok;
  } catch (thrown) {
    const error = await withHelp(written, thrown);
    if (io.interrupted.aborted && error === io.interrupted.reason) return exitCodes.interrupted;
    const { code, message } = endingOf(error);
    const tool = message === null && isUnknownCommand(error) && args.find(isToolOfKafka);
    if (message === null && isMistyped(error))
      await io.stderr.write(`Try "${helpFor(program, args)}".\n`).catch(() => {});
    const hint = tool
      ? `${tool} is not spelled here; Kafka's own tool works with the node as it is; ${KEDGE} --help lists what kedge has`
      : message;
    if (hint !== null) await io.stderr.write(`kedge: ${hint}\n`).catch(() => {});
    return code;
  }
}

/** What the command ended with; where that was help which could not be written, why. */
async function withHelp(written: readonly Promise<void>[], thrown: unknown): Promise<unknown> {
  const unwritten = (await Promise.allSettled(written)).find((each) => each.status === "rejected");
  return unwritten && endingOf(thrown).code === exitCodes.ok ? unwritten.reason : thrown;
}

/** A word that commander has refused; those who asked for nothing got their help already. */
function isMistyped(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode !== 0 && error.code !== "commander.help";
}

/** The help of the command that was meant, as far as it is known. */
function helpFor(program: Command, args: readonly string[]): string {
  const words = [KEDGE];
  let at = program;
  for (const word of args) {
    const next = word === "help" ? undefined : commandOf(at, word);
    if (!next) continue;
    at = next;
    words.push(next.name());
  }
  return `${words.join(" ")} --help`;
}

function isUnknownCommand(error: unknown): boolean {
  return error instanceof CommanderError && error.code === "commander.unknownCommand";
}

function isToolOfKafka(word: string): boolean {
  return word.startsWith("kafka-");
}

interface Writers {
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

function build(program: Command, session: Session, writers: Writers): void {
  const { stdout, stderr } = session.io;
  program
    .description(manifest.description)
    .version(manifest.version)
    .exitOverride()
    .configureOutput({
      ...writers,
      getOutHelpWidth: () => stdout.columns,
      getErrHelpWidth: () => stderr.columns,
    })
    .showSuggestionAfterError();
  addGlobalOptions(program);
  program.command("serve").description(`start a node (${START_NODE} --help tells its flags)`);
  addTopic(program, session);
  addGroup(program, session);
  addTxn(program, session);
  addProduce(program, session);
  addConsume(program, session);
  addExport(program, session);
  addImport(program, session);
  addBackup(program, session);
  addRestore(program, session);
  addDoctor(program, session);
  addKafkaTopics(program, session);
  addKafkaConfigs(program, session);
  addKafkaConsumerGroups(program, session);
  addKafkaConsoleProducer(program, session);
  addKafkaConsoleConsumer(program, session);
  addKafkaGetOffsets(program, session);
  addKafkaDeleteRecords(program, session);
  addHelp(program);
}
