/**
 * `kedge consume TOPIC`: records on stdout.
 *
 * - Without a start it shows what there is and ends; with `--follow` alone, what comes from now on.
 * - A record that others wrote cannot steer the terminal: control characters are spelled out, but in raw output.
 * - Into a file it says on a terminal how far it is; beside a pipe's reader, which writes there itself, it does not.
 */
import { type Command, Option } from "commander";
import {
  type From,
  type Gap,
  type Kedge,
  KedgeError,
  type LogRecord,
  type ReadOptions,
  type TextOrBytes,
} from "../client/client.ts";
import { UsageError } from "../lib/setting.ts";
import { Ended, exitCodes, Failure } from "./exit.ts";
import type { Sink } from "./io.ts";
import { formatFor } from "./output.ts";
import { counted, Progress } from "./progress.ts";
import { recordJson, recordLine, recordLineHead } from "./record-text.ts";
import type { Session } from "./session.ts";
import {
  durationMs,
  offsetSpec,
  spanAgo,
  TIME_WORDS,
  topicName,
  wholeNumber,
} from "./arguments.ts";
import { withTopic } from "./near-topic.ts";

type Format = "table" | "json" | "jsonl" | "raw";

interface Options {
  readonly fromBeginning?: boolean;
  readonly from?: From | { readonly plus: number };
  readonly offset?: Options["from"];
  readonly since?: number;
  readonly follow?: boolean;
  readonly exit?: boolean;
  readonly count?: number;
  readonly partition?: number;
  readonly output?: Format;
  readonly keyOnly?: boolean;
  readonly isolation?: ReadOptions["isolation"];
}

export function addConsume(program: Command, session: Session): void {
  program
    .command("consume")
    .description(
      "read records: from the first to the last there is, or with --follow those that come from now on",
    )
    .argument("<topic>", "its name", topicName)
    .option("--from-beginning", "from the first record there is (as without --follow)")
    .option(
      "--from <place>",
      `start, end, an offset, +n from the start, -n from the end, or ${TIME_WORDS}`,
      (text) => offsetSpec(text),
    )
    .option("--offset <place>", "the same as --from", (text) => offsetSpec(text))
    .option("--since <span>", "records of the last 90s, 10m, 2h, 7d", durationMs)
    .option("-f, --follow", "wait for new records; from the end, unless a start is given")
    .option("-e, --exit", "end at the end of the log (as without --follow)")
    .option("-n, --count <count>", "end after so many records", wholeNumber)
    .option("-p, --partition <number>", "this partition alone", wholeNumber)
    .addOption(
      new Option(
        "-o, --output <format>",
        "table on a terminal, jsonl in a pipe; raw: values alone",
      ).choices(["table", "json", "jsonl", "raw"]),
    )
    .addOption(
      new Option("--isolation <level>").choices(["read_committed", "read_uncommitted"]).hideHelp(),
    )
    .action((topic: string, options: Options) => consume(session, topic, options));
}

async function consume(session: Session, name: string, options: Options): Promise<void> {
  const { io } = session;
  if (options.exit === true && options.follow === true)
    throw new UsageError("--exit and --follow say opposite things.");
  const kedge = await session.connect();
  const topic = kedge.topic(name);
  const format = formatFor(options.output, io.stdout);
  const writer = new Writer(io.stdout, format);
  const progress = io.stdout.isFile ? new Progress(io.stderr, "records") : null;
  let isWhole = true;
  await withTopic(kedge, name, async () => {
    const from = await startOf(kedge, name, options);
    const reading: ReadOptions = {
      from,
      partition: from instanceof Map ? undefined : options.partition,
      follow: options.follow,
      isolation: options.isolation,
      signal: io.interrupted,
      onGap: (gap) => {
        if (gap.reason === "damaged") isWhole = false;
        void progress?.end();
        void session.note(gapText(gap));
      },
      recordsMax:
        options.count === undefined ? undefined : Math.max(1, Math.min(options.count, 5_000)),
    };
    try {
      // Nothing is read that the node could have refused: a wrong name must show all the same.
      if (options.count === 0) await kedge.describeTopic(name);
      else
        for await (const record of topic.records(reading)) {
          await writer.write(record);
          progress?.add(1);
          if (writer.count === options.count) break;
        }
    } finally {
      await progress?.end();
      await writer.end();
    }
    if (!isWhole) throw new Ended(exitCodes.partial);
  }).catch(async (error: unknown) => {
    // What was read is worth a word also when it ends by Ctrl-C.
    if (io.interrupted.aborted) await session.note(`${counted(writer.count, "records")} read.`);
    if (error instanceof KedgeError && error.code === "offset_out_of_range")
      throw new Failure(
        `${error.message}\nRead one partition of ${name} with -p, or begin in each with --from +N, -N or @TIME.`,
      );
    throw error;
  });
}

async function startOf(
  kedge: Kedge,
  name: string,
  options: Options,
): Promise<From | ReadonlyMap<number, From>> {
  const starts = [options.fromBeginning, options.from, options.offset, options.since].filter(
    (each) => each !== undefined,
  );
  if (starts.length > 1)
    throw new UsageError("Give one start: --from-beginning, --from or --since.");
  if (options.since !== undefined) return new Date(spanAgo(options.since));
  const from = options.from ?? options.offset;
  if (from === undefined)
    return options.follow === true && options.fromBeginning !== true ? "latest" : "earliest";
  if (typeof from !== "object" || !("plus" in from)) return from;
  const described = await kedge.describeTopic(name);
  const parts = described.partitionList.filter(
    ({ partition }) => options.partition === undefined || partition === options.partition,
  );
  return new Map(
    parts.map(({ partition, logStart, highWatermark }) => [
      partition,
      Math.min(logStart + from.plus, highWatermark),
    ]),
  );
}

function gapText({ partition, from, to, reason }: Gap): string {
  const fate =
    reason === "damaged" ? "are damaged on the node's disk" : "were removed before they were read";
  return `kedge: records ${from} to ${(to ?? from) - 1} of partition ${partition} ${fate}.`;
}

/** Writes are gathered: a write a record is most of the time of a long read. */
const GATHER_CHARS = 64 * 1024;
const GATHER_MS = 20;

class Writer {
  readonly #stdout: Sink;
  readonly #format: Format;
  #gathered: string[] = [];
  #chars = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: { readonly error: unknown } | null = null;
  count = 0;

  constructor(stdout: Sink, format: Format) {
    this.#stdout = stdout;
    this.#format = format;
  }

  async write(record: LogRecord<TextOrBytes>): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    this.count += 1;
    if (this.#format === "raw" && record.value instanceof Uint8Array) {
      await this.#flush();
      await this.#stdout.write(record.value);
      return this.#stdout.write("\n");
    }
    const text = this.#text(record);
    this.#gathered.push(text);
    this.#chars += text.length;
    if (this.#chars >= GATHER_CHARS) return this.#flush();
    this.#timer ??= setTimeout(() => void this.#flush().catch(this.#fail), GATHER_MS);
    return undefined;
  }

  readonly #fail = (error: unknown): void => {
    this.#failure = { error };
  };

  #text(record: LogRecord<TextOrBytes>): string {
    const first = this.count === 1;
    switch (this.#format) {
      case "table":
        return `${first ? `${recordLineHead}\n` : ""}${recordLine(record)}\n`;
      case "json":
        return `${first ? "[\n" : ",\n"}${recordJson(record)}`;
      case "jsonl":
        return `${recordJson(record)}\n`;
      case "raw":
        return `${typeof record.value === "string" ? record.value : ""}\n`;
      default:
        return this.#format satisfies never;
    }
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#gathered.join("");
    this.#gathered = [];
    this.#chars = 0;
    if (text !== "") await this.#stdout.write(text);
  }

  async end(): Promise<void> {
    await this.#flush();
    if (this.#format === "json") await this.#stdout.write(this.count === 0 ? "[]\n" : "\n]\n");
  }
}
