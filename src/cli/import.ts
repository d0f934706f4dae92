/**
 * `kedge import [FILE]`: what `export` wrote, or any lines of records that name their topic, into a node.
 *
 * - Topics that are not there are made as they were described. Records keep partition, key, value, headers and
 *   timestamp; their offsets are new.
 * - Records are appended to what a topic holds already; it says so before it begins.
 */
import type { Command } from "commander";
import { type Kedge, KedgeError, type NewRecord, type Topic } from "../client/client.ts";
import { UsageError } from "../lib/setting.ts";
import { isTopicName } from "../lib/topic-name.ts";
import { topicName } from "./arguments.ts";
import { Ended, endingOf, exitCodes, Failure } from "./exit.ts";
import { ANSWERS_MS, endedBy } from "./interruption.ts";
import { byteLines } from "./lines.ts";
import { counted, Progress } from "./progress.ts";
import { isObject, parseRecordJson } from "./record-text.ts";
import { streamNamed } from "./input-file.ts";
import { withTopic } from "./near-topic.ts";
import type { Session } from "./session.ts";
import { KEDGE } from "./kedge-command.ts";

interface Options {
  readonly topic?: string;
}

export function addImport(program: Command, session: Session): void {
  program
    .command("import")
    .description("append what export wrote, from a file or stdin")
    .argument("[file]")
    .option("--topic <name>", "into this topic, whatever the lines say", topicName)
    .action(async (file: string | undefined, options: Options) => {
      const input = await inputOf(session, file);
      const kedge = await session.connect();
      await new Importer(session, kedge, options.topic ?? null).run(input);
    });
}

async function inputOf(
  { io }: Session,
  file: string | undefined,
): Promise<ReadableStream<Uint8Array>> {
  if (file === undefined || file === "-") {
    if (io.stdin.isTerminal) throw new UsageError("Name a file, or pipe lines in.");
    return io.stdin.stream();
  }
  return streamNamed(file, "FILE");
}

interface TopicHead {
  readonly name: string;
  readonly partitions: number | undefined;
  readonly configs: Readonly<Record<string, string>>;
}

type Handle = Topic<unknown>;

class Importer {
  readonly #session: Session;
  readonly #kedge: Kedge;
  readonly #rename: string | null;
  readonly #topics = new Map<string, Handle>();
  readonly #progress: Progress;
  #failed = 0;
  /** A line that could not be read. */
  #stopped: UsageError | null = null;
  #failure: { readonly line: number; readonly topic: string; readonly error: Error } | null = null;

  constructor(session: Session, kedge: Kedge, rename: string | null) {
    this.#session = session;
    this.#kedge = kedge;
    this.#rename = rename;
    this.#progress = new Progress(session.io.stderr, "records");
  }

  async run(input: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    const signal = this.#session.io.interrupted;
    let number = 0;
    let isRead = false;
    try {
      for await (const bytes of byteLines(input, signal)) {
        number += 1;
        const line = decoder.decode(bytes);
        if (line.trim() !== "") await this.#line(line, number);
        // What failed once fails again: the rest would only come in a changed order.
        if (this.#failure) break;
      }
      isRead = true;
    } catch (error) {
      if (signal.aborted || !(error instanceof UsageError)) throw error;
      this.#stopped = error;
    } finally {
      const flushed = Promise.allSettled([...this.#topics.values()].map((topic) => topic.flush()));
      await endedBy(flushed, signal, ANSWERS_MS).catch(() => {});
      await this.#progress.end();
      // Where nothing was done the error says it all.
      if (isRead || this.#progress.count > 0)
        await this.#session.note(
          `${this.#progress.text()}, ${counted(this.#topics.size, "topics")}`,
        );
    }
    await this.#tell();
  }

  async #tell(): Promise<void> {
    if (this.#stopped && !this.#failure) {
      if (this.#progress.count === 0) throw this.#stopped;
      await this.#session.note(
        `kedge: ${endingOf(this.#stopped).message} Nothing after it is kept.`,
      );
      throw new Ended(exitCodes.partial);
    }
    if (!this.#failure) return;
    const { line, topic, error: told } = this.#failure;
    const error = await this.#advised(topic, told);
    if (this.#progress.count === 0) throw error;
    const rest = this.#failed > 1 ? ` (and ${this.#failed - 1} after it)` : "";
    await this.#session.note(`kedge: line ${line}${rest}: ${error.message}`);
    throw new Ended(exitCodes.partial);
  }

  /** Of a topic that is not there: how to make it with this command line. */
  async #advised(topic: string, told: Error): Promise<Error> {
    const error = told.cause instanceof KedgeError ? told.cause : told;
    try {
      return await withTopic<never>(this.#kedge, topic, () => Promise.reject(error));
    } catch (advised) {
      return advised instanceof Failure ? advised : told;
    }
  }

  async #line(line: string, number: number): Promise<void> {
    try {
      const head = topicHead(line);
      if (head) return await this.#makeTopic(head);
      const { record, topic } = parseRecordJson(line);
      const name = this.#rename ?? topic;
      if (name === undefined) throw new UsageError('names no "topic"; say --topic');
      if (!isTopicName(name))
        throw new UsageError(
          'names a topic that cannot be: a name has letters, digits, ".", "_" and "-" alone',
        );
      await this.#send(name, record, number);
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`Line ${number} ${error.message}.`);
      throw error;
    }
  }

  async #makeTopic({ name: own, partitions, configs }: TopicHead): Promise<void> {
    const name = this.#rename ?? own;
    try {
      await this.#kedge.createTopic({ name, partitions, configs });
      await this.#session.note(`Topic ${name} made.`);
    } catch (error) {
      if (!(error instanceof KedgeError) || error.code !== "topic_already_exists") throw error;
      const there = await this.#kedge.describeTopic(name);
      if (there.partitions < (partitions ?? 1))
        throw new UsageError(
          `wants ${partitions} partitions of ${name}, which has ${there.partitions}; add some with "${KEDGE} topic alter"`,
        );
      await this.#session.note(`Topic ${name} is there already; its records stay before these.`);
    }
  }

  async #send(name: string, record: NewRecord<unknown>, line: number): Promise<void> {
    let topic = this.#topics.get(name);
    if (!topic) this.#topics.set(name, (topic = this.#kedge.topic(name)));
    await topic.send(record, {
      onSettled: (outcome) => {
        if (!(outcome instanceof Error)) return this.#progress.add(1);
        this.#failed += 1;
        this.#failure ??= { line, topic: name, error: outcome };
      },
    });
  }
}

/** The line that describes a topic; null for any other. */
function topicHead(line: string): TopicHead | null {
  if (!line.startsWith('{"topic":{')) return null;
  const parsed: unknown = JSON.parse(line);
  const topic = isObject(parsed) ? parsed["topic"] : null;
  if (!isObject(topic) || typeof topic["name"] !== "string")
    throw new UsageError("describes a topic without a name");
  const { name, partitions, configs } = topic;
  const pairs = isObject(configs) ? Object.entries(configs) : [];
  return {
    name,
    partitions: typeof partitions === "number" ? partitions : undefined,
    configs: Object.fromEntries(pairs.map(([name, value]) => [name, String(value)])),
  };
}
