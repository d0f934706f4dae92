/**
 * `kedge export TOPIC…`: topics as lines of JSON, with everything: keys, headers, timestamps, partitions, configs.
 *
 * The first line of a topic describes it (`{"topic": {…}}`), each line after that is a record in the form of `consume -o
 * jsonl`. It ends where each partition ended when the export began. A file appears under its name once all is written.
 * Records that the node's disk damaged are named and left out; the exit code is then 6.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import { access, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { finished } from "node:stream/promises";
import type { Command } from "commander";
import type { Kedge, TopicDescription } from "../client/client.ts";
import { UsageError } from "../lib/setting.ts";
import { topicNames } from "./arguments.ts";
import { Ended, exitCodes, Failure } from "./exit.ts";
import type { Sink } from "./io.ts";
import { withTopic } from "./near-topic.ts";
import { counted, Progress } from "./progress.ts";
import { recordJson } from "./record-text.ts";
import type { Session } from "./session.ts";
import { clearLeft, nameWholeFile, partialOf } from "./whole.ts";

interface Options {
  readonly all?: boolean;
  readonly file?: string;
  readonly force?: boolean;
}

export function addExport(program: Command, session: Session): void {
  program
    .command("export")
    .description("write topics with all their records as lines of JSON")
    .argument("[topic...]", "their names", topicNames)
    .option("--all", "every topic but kedge's own")
    .option("-f, --file <path>", "write here instead of stdout")
    .option("--force", "over a file that is there")
    .action((topics: readonly string[], options: Options) =>
      exportTopics(session, topics, options),
    );
}

async function exportTopics(
  session: Session,
  given: readonly string[],
  options: Options,
): Promise<void> {
  if (given.length > 0 === (options.all === true))
    throw new UsageError("Name the topics to export, or say --all.");
  const kedge = await session.connect();
  const names = given.length > 0 ? given : (await kedge.topics()).map(({ name }) => name);
  // All are looked for first: what is not there must not be found out with half of the file written.
  const described: TopicDescription[] = [];
  for (const name of names)
    described.push(await withTopic(kedge, name, () => kedge.describeTopic(name)));
  const target = await Target.open(session.io.stdout, options);
  const progress = new Progress(session.io.stderr, "records");
  let isWhole = true;
  try {
    for (const each of described)
      isWhole = (await exportTopic(session, kedge, each, target, progress)) && isWhole;
    await target.finish();
  } catch (error) {
    await target.abandon();
    throw error;
  } finally {
    await progress.end();
  }
  const where = options.file === undefined ? "" : ` to ${options.file}`;
  await session.note(`${progress.text()}, ${counted(names.length, "topics")}${where}`);
  if (!isWhole) throw new Ended(exitCodes.partial);
}

const GATHER_CHARS = 256 * 1024;

/** False when the node's disk has damaged some of the topic: all else of it was written. */
async function exportTopic(
  session: Session,
  kedge: Kedge,
  described: TopicDescription,
  target: Target,
  progress: Progress,
): Promise<boolean> {
  const { name } = described;
  let isWhole = true;
  let gathered = `${JSON.stringify({ topic: headOf(described) })}\n`;
  const records = kedge.topic(name).records({
    signal: session.io.interrupted,
    // Retention may be faster than we: what it took is not there to be exported. What is damaged is, and cannot be.
    onGap: ({ from, to, partition, reason }) => {
      if (reason === "damaged") isWhole = false;
      const offsets = `offsets ${from} to ${(to ?? from) - 1} of partition ${partition}`;
      const fate =
        reason === "damaged" ? "are damaged on the node's disk and left out" : "are gone";
      void session.note(`kedge: ${name}: ${offsets} ${fate}.`);
    },
  });
  for await (const record of records) {
    gathered += `${recordJson(record)}\n`;
    progress.add(1);
    if (gathered.length < GATHER_CHARS) continue;
    await target.write(gathered);
    gathered = "";
  }
  await target.write(gathered);
  return isWhole;
}

/** What import needs to make the topic again: configs that somebody set, not those that the node came with. */
function headOf(topic: TopicDescription) {
  const configs = Object.entries(topic.configs)
    .filter(([, { source }]) => source === "topic")
    .map(([name, { value }]) => [name, value] as const);
  return {
    name: topic.name,
    partitions: topic.partitions,
    configs: Object.fromEntries(configs),
  };
}

/** stdout, or a file that is renamed to its name when it is whole. */
class Target {
  readonly #stdout: Sink;
  readonly #path: string | null;
  readonly #file: WriteStream | null;
  #failure: Error | null = null;

  static async open(stdout: Sink, { file, force }: Options): Promise<Target> {
    if (file === undefined || file === "-") return new Target(stdout, null);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere && force !== true)
      throw new Failure(`${file} is there already; --force writes over it.`, exitCodes.failure);
    await clearLeft(resolve(file));
    return new Target(stdout, file);
  }

  private constructor(stdout: Sink, path: string | null) {
    this.#stdout = stdout;
    this.#path = path;
    this.#file = path === null ? null : createWriteStream(partialOf(path));
    this.#file?.on("error", (error) => (this.#failure = error));
  }

  async write(text: string): Promise<void> {
    const file = this.#file;
    if (!file) return this.#stdout.write(text);
    if (this.#failure) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      file.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  async finish(): Promise<void> {
    if (!this.#file || this.#path === null) return;
    this.#file.end();
    await finished(this.#file);
    await nameWholeFile(this.#path);
  }

  async abandon(): Promise<void> {
    if (!this.#file || this.#path === null) return;
    this.#file.destroy();
    await rm(partialOf(this.#path), { force: true });
  }
}
