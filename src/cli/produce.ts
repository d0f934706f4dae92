/**
 * `kedge produce TOPIC`: lines of stdin as records, or one value given, or one file.
 *
 * Records go in order and are kept once, however often the network fails. A record that the node refuses for what it is
 * does not stop the others; any other failure stops at once, a line that cannot be read too: exit 6 where some were kept.
 */
import { type Command, Option } from "commander";
import { type Acks, KedgeError, type NewRecord, type Receipt } from "../client/client.ts";
import { UsageError } from "../lib/setting.ts";
import { codeOf, Ended, endingOf, exitCodes } from "./exit.ts";
import { ANSWERS_MS, endedBy } from "./interruption.ts";
import { allBytes, byteLines } from "./lines.ts";
import { counted, Progress } from "./progress.ts";
import { parseRecordJson } from "./record-text.ts";
import { streamNamed } from "./input-file.ts";
import type { Session } from "./session.ts";
import { pair, topicName, wholeNumber } from "./arguments.ts";
import { withTopic } from "./near-topic.ts";

interface Options {
  readonly key?: string;
  readonly keySeparator?: string;
  readonly header?: readonly (readonly [name: string, value: string])[];
  readonly partition?: number;
  readonly timestamp?: number;
  readonly acks: "all" | "1" | "0";
  readonly format: "lines" | "jsonl" | "raw";
  readonly file?: string;
  readonly tombstone?: boolean;
  readonly create?: boolean;
  readonly output?: "jsonl";
}

export function addProduce(program: Command, session: Session): void {
  program
    .command("produce")
    .description("append records: stdin line by line, a value, or a file")
    .argument("<topic>", "its name", topicName)
    .argument("[value]", "one record's value; stdin is not read then")
    .option("-k, --key <key>", "the key of every record")
    .option("-K, --key-separator <text>", "each line is its key, this, its value")
    .option("-H, --header <name=value>", "a header of every record; may repeat", pair)
    .option("-p, --partition <number>", "the partition (else by key)", wholeNumber)
    .option(
      "-t, --timestamp <ms>",
      "milliseconds since the epoch (else the time of arrival)",
      wholeNumber,
    )
    .option("--tombstone", "a record without a value, for --key")
    .option("--create", "make the topic if there is none")
    .option("-f, --file <path>", "read this instead of stdin")
    .addOption(acksOption())
    .addOption(formatOption())
    .addOption(new Option("-o, --output <format>", "receipts on stdout").choices(["jsonl"]))
    .action((topic: string, value: string | undefined, options: Options) =>
      produce(session, topic, value, options),
    );
}

function acksOption(): Option {
  return new Option("--acks <acks>", "all: synced; 1: written; 0: nobody waits")
    .choices(["all", "1", "0"])
    .default("all");
}

function formatOption(): Option {
  return new Option(
    "--format <format>",
    "lines; jsonl: objects as consume writes, whose value is text, null (a tombstone) or " +
      '{"b64": …}, else it is kept as the JSON text it is; raw: all is one record',
  )
    .choices(["lines", "jsonl", "raw"])
    .default("lines");
}

async function produce(
  session: Session,
  name: string,
  value: string | undefined,
  options: Options,
): Promise<void> {
  if ([value, options.file, options.tombstone].filter((each) => each !== undefined).length > 1)
    throw new UsageError("Give one: a value, --file or --tombstone.");
  const kedge = await session.connect();
  const topic = kedge.topic(name, { create: options.create });
  const stop = new AbortController();
  const { interrupted } = session.io;
  const interrupt = () => stop.abort(interrupted.reason);
  interrupted.addEventListener("abort", interrupt, { once: true });
  // Input that is slow to end must not keep a command that can do no more.
  const tally = new Tally(session, options.output === "jsonl", () => stop.abort());
  const acks: Acks = options.acks === "all" ? "all" : options.acks === "1" ? 1 : 0;
  let position = 0;
  let failure: { readonly error: unknown } | null = null;
  try {
    for await (const record of records(session, value, options, stop.signal)) {
      if (stop.signal.aborted) break;
      position += 1;
      const at = position;
      const onSettled = (outcome: Receipt | Error) => tally.settle(at, outcome);
      await topic.send(record, { acks, onSettled });
    }
  } catch (error) {
    if (!stop.signal.aborted) failure = { error };
  }
  // What was handed over is settled and told, however the input ended; by Ctrl-C, as far as it is answered soon.
  await endedBy(topic.flush(), interrupted, ANSWERS_MS).catch(() => {}); // The tally has seen it.
  if (failure && position === 0) throw failure.error;
  if (interrupted.aborted) {
    await tally.tellOpen(position);
    if (position === 0) interrupted.throwIfAborted();
  }
  await withTopic(kedge, name, async () => {
    // Nothing was sent that the node could have refused: a wrong name must show all the same.
    if (position === 0 && options.create !== true) await kedge.describeTopic(name);
    await tally.end(name);
  });
  if (failure) await tally.stoppedBy(failure.error);
  interrupted.throwIfAborted();
}

async function* records(
  session: Session,
  value: string | undefined,
  options: Options,
  signal: AbortSignal,
): AsyncGenerator<NewRecord<unknown>, void, void> {
  const { key, header: headers, partition, timestamp } = options;
  const shared = { key, headers, partition, timestamp };
  if (options.tombstone === true) yield { ...shared, value: null };
  else if (value !== undefined) yield { ...shared, value };
  else if (options.format === "raw")
    yield { ...shared, value: await allBytes(await input(session, options.file)) };
  else yield* recordsOfLines(session, options, shared, signal);
}

async function* recordsOfLines(
  session: Session,
  options: Options,
  shared: Omit<NewRecord<unknown>, "value">,
  signal: AbortSignal,
): AsyncGenerator<NewRecord<unknown>, void, void> {
  const stream = await input(session, options.file);
  let number = 0;
  for await (const line of byteLines(stream, signal)) {
    number += 1;
    const isJson = options.format === "jsonl";
    const record = isJson ? fromJson(line, number) : fromLine(line, number, options);
    if (record) yield merged(record, shared);
  }
}

/** What the line says goes before what the options say. */
function merged(record: NewRecord<unknown>, shared: Omit<NewRecord<unknown>, "value">) {
  const given = Object.entries(record).filter(([, value]) => value !== undefined && value !== null);
  return { ...shared, value: record.value, ...Object.fromEntries(given) };
}

function fromJson(line: Uint8Array, number: number): NewRecord<unknown> | null {
  const text = new TextDecoder().decode(line);
  if (text.trim() === "") return null;
  try {
    return parseRecordJson(text).record;
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`Line ${number} ${error.message}.`);
    throw error;
  }
}

function fromLine(line: Uint8Array, number: number, { keySeparator }: Options): NewRecord<unknown> {
  if (keySeparator === undefined) return { value: textOrBytes(line) };
  const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(keySeparator);
  if (at === -1)
    throw new UsageError(`Line ${number} has no "${keySeparator}" between a key and a value.`);
  const after = at + Buffer.byteLength(keySeparator);
  return { key: textOrBytes(line.subarray(0, at)), value: textOrBytes(line.subarray(after)) };
}

/** Text needs no base64 on the wire; bytes are taken out of the buffer that the next lines share. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString("utf8");
  return Buffer.byteLength(text) === bytes.length && !text.includes("\ufffd")
    ? text
    : bytes.slice();
}

async function input(
  { io, note }: Session,
  file: string | undefined,
): Promise<ReadableStream<Uint8Array>> {
  if (file !== undefined && file !== "-") return streamNamed(file, "-f");
  if (io.stdin.isTerminal) await note("One record a line; Ctrl-D ends.");
  return io.stdin.stream();
}

const COMPLAINTS_MAX = 10;

/** What became of the records: receipts shown if asked for, failures told with their line, a sum at the end. */
class Tally {
  readonly #session: Session;
  readonly #receipts: boolean;
  readonly #progress: Progress;
  readonly #partitions = new Map<number, { first: number; last: number }>();
  #failed = 0;
  #first: Error | null = null;
  #closed: unknown = null;
  /** A failure that the next record would meet too. */
  #fatal = false;
  readonly #onFatal: () => void;

  constructor(session: Session, receipts: boolean, onFatal: () => void) {
    this.#session = session;
    this.#receipts = receipts;
    this.#onFatal = onFatal;
    this.#progress = new Progress(session.io.stderr, "records");
  }

  settle(line: number, outcome: Receipt | Error): void {
    if (outcome instanceof Error) return this.#complain(line, outcome);
    this.#progress.add(1);
    const seen = this.#partitions.get(outcome.partition);
    if (seen) seen.last = outcome.offset;
    else this.#partitions.set(outcome.partition, { first: outcome.offset, last: outcome.offset });
    if (!this.#receipts) return;
    this.#session.io.stdout.write(`${JSON.stringify(outcome)}\n`).catch((error: unknown) => {
      this.#closed = error;
      this.#fatal = true;
      this.#onFatal();
    });
  }

  #complain(line: number, error: Error): void {
    this.#failed += 1;
    this.#first ??= error;
    this.#fatal ||=
      !(error instanceof KedgeError) || (error.status !== 400 && error.status !== 413);
    if (this.#fatal) this.#onFatal();
    if (this.#fatal || this.#failed > COMPLAINTS_MAX) return;
    void this.#session.note(`kedge: record ${line}: ${error.message}`);
  }

  /** Says how many of those handed over nobody has answered for. */
  async tellOpen(handedOver: number): Promise<void> {
    const open = handedOver - this.#progress.count - this.#failed;
    if (open > 0)
      await this.#session.note(
        `kedge: ${counted(open, "records")} had no answer yet: the node may have kept them or not.`,
      );
  }

  /** Throws what the command ends with when the input could not be read on. */
  async stoppedBy(error: unknown): Promise<never> {
    const kept = this.#progress.count;
    if (kept === 0) throw error;
    const { message } = endingOf(error);
    await this.#session.note(
      `kedge: ${message ?? "The input could not be read on."} ${counted(kept, "records")} before it ${kept === 1 ? "is" : "are"} kept, nothing after it.`,
    );
    throw new Ended(exitCodes.partial);
  }

  /** Throws what the command ends with, if anything failed. */
  async end(topic: string): Promise<void> {
    await this.#progress.end();
    if (this.#closed !== null) throw this.#closed;
    const kept = this.#progress.count;
    if (this.#first && kept === 0 && this.#fatal) throw this.#first;
    const places = [...this.#partitions]
      .toSorted(([a], [b]) => a - b)
      .map(([partition, { first, last }]) =>
        first === -1 ? "unacknowledged" : `partition ${partition}: offsets ${first} to ${last}`,
      );
    if (kept > 0 || !this.#first)
      await this.#session.note(
        `${this.#progress.text()} to ${topic}${places.length === 0 ? "" : `; ${places.slice(0, 20).join(", ")}`}`,
      );
    if (!this.#first) return;
    await this.#session.note(
      `kedge: ${this.#failed} failed${this.#fatal ? `: ${this.#first.message}` : ""}`,
    );
    if (kept > 0) throw new Ended(exitCodes.partial);
    throw new Ended(this.#first instanceof KedgeError ? codeOf(this.#first) : exitCodes.failure);
  }
}
