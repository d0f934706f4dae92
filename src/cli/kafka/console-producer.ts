/**
 * `kedge kafka-console-producer`: Kafka's own spelling for producing lines (kafka-console-producer.sh).
 *
 * - Lines are gathered into a batch a partition, sent when there are many or when no more come for a moment; a keyless run of
 *   lines goes to one partition, as the Java client's do.
 * - A record that a topic refuses ends it with exit code 1, and says which.
 *
 * Left out: readers of other kinds (`--line-reader`), transactions.
 */
import { type Command, Option } from "commander";
import { partitionOfKey } from "../../broker/partitioner.ts";
import { produce } from "../../kafka/apis/00-produce.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";
import { encodeBatch } from "../../records/batch-encode.ts";
import { type Codec, codecNames } from "../../records/compression.ts";
import type { NewRecord } from "../../records/record.ts";
import type { Session } from "../session.ts";
import { byteLines } from "../lines.ts";
import {
  addConnectOptions,
  asTool,
  gathered,
  propertiesOf,
  settings,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";

interface Options extends ConnectOptions {
  readonly topic?: string;
  readonly property?: readonly string[];
  readonly readerProperty?: readonly string[];
  readonly producerProperty?: readonly string[];
  readonly commandProperty?: readonly string[];
  readonly "producer.config"?: string;
  readonly compressionCodec?: string | boolean;
  readonly requestRequiredAcks?: string;
}

const REQUEST_MS = 30_000;
/** A batch is sent at so many bytes of lines, or so many of them. */
const BATCH_BYTES = 256 * 1024;
const BATCH_RECORDS = 10_000;
/** The last version of Produce that names topics. */
const NAMES_VERSION = 12;
const NO_ID = "AAAAAAAAAAAAAAAAAAAAAA";

/** What else Kafka's tool takes to pace its client; this one needs no pacing. */
const unneeded = [
  "--max-block-ms",
  "--max-memory-bytes",
  "--max-partition-memory-bytes",
  "--message-send-max-retries",
  "--metadata-expiry-ms",
  "--request-timeout-ms",
  "--retry-backoff-ms",
  "--socket-buffer-size",
];

export function addKafkaConsoleProducer(program: Command, session: Session): void {
  const command = program
    .command("kafka-console-producer")
    .alias("kafka-console-producer.sh")
    .description("produce lines, in Kafka's own spelling")
    .requiredOption("--topic <topic>", "where the lines go")
    .option("--property <name=value>", "as --reader-property", gathered)
    .option(
      "--reader-property <name=value>",
      "parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, headers.key.separator, null.marker, ignore.error; may repeat",
      gathered,
    )
    .option("--producer-property <name=value>", "acks, compression.type; may repeat", gathered)
    .option("--command-property <name=value>", "as --producer-property", gathered)
    .option("--producer.config <file>", "as --command-config")
    .option("--compression-codec [codec]", `one of ${codecNames.join(", ")}; gzip unless said`)
    .option("--request-required-acks <acks>", "all, 1 or 0 (all)")
    .option("--sync", "taken, and always so")
    .option("--batch-size <bytes>", "taken, and not needed")
    .option("--timeout <ms>", "taken, and not needed");
  for (const flag of unneeded) command.addOption(new Option(`${flag} <value>`).hideHelp());
  addConnectOptions(command).action((options: Options) =>
    asTool(
      (reason) => session.note(`Error when sending message to topic ${options.topic}: ${reason}`),
      () => withKafka(session, options, (client) => run(session, client, options)),
    ),
  );
}

async function run(session: Session, client: KafkaClient, options: Options): Promise<void> {
  const topic = options.topic ?? "";
  const reader = new LineReader(
    settings([...(options.property ?? []), ...(options.readerProperty ?? [])]),
  );
  const properties = new Map([
    ...(await propertiesOf(options["producer.config"] ?? options.commandConfig)),
    ...settings([...(options.producerProperty ?? []), ...(options.commandProperty ?? [])]),
  ]);
  const sender = new Sender(client, topic, {
    codec: codecOf(options.compressionCodec ?? properties.get("compression.type")),
    acks: acksOf(options.requestRequiredAcks ?? properties.get("acks") ?? "all"),
  });
  const { stdin, stdout, interrupted } = session.io;
  const prompt = () => (stdin.isTerminal ? stdout.write(">") : Promise.resolve());
  await prompt();
  const lines = byteLines(stdin.stream(), interrupted);
  for (let next = lines.next(); ; next = lines.next()) {
    // Nothing more for the moment: what there is goes.
    if (!(await settles(next, LINGER_MS))) await sender.flush();
    const { done, value } = await next;
    if (done === true) break;
    const record = reader.read(utf8Text.decode(value).replace(/\r$/, ""));
    await sender.add(record);
    if (stdin.isTerminal) await sender.flush();
    await prompt();
  }
  await sender.flush();
}

const LINGER_MS = 50;
const utf8Text = new TextDecoder();

/** Whether it settles within so many milliseconds. */
async function settles(work: Promise<unknown>, waitMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), waitMs);
  });
  const done = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

function acksOf(text: string): -1 | 0 | 1 {
  if (text === "all" || text === "-1") return -1;
  if (text === "0" || text === "1") return text === "0" ? 0 : 1;
  throw new ToolError(`acks must be all, 1 or 0, not ${text}`);
}

function codecOf(asked: string | boolean | undefined): Codec {
  const name = asked === true ? "gzip" : asked === false || asked === undefined ? "none" : asked;
  const codec = codecNames.find((known) => known === name);
  if (!codec)
    throw new ToolError(`compression must be one of ${codecNames.join(", ")}, not ${name}`);
  return codec;
}

const utf8 = new TextEncoder();

/** From a line to a record, by the properties of Kafka's LineMessageReader. */
export class LineReader {
  readonly #parsesKey: boolean;
  readonly #parsesHeaders: boolean;
  readonly #ignoresErrors: boolean;
  readonly #keySeparator: string;
  readonly #headersDelimiter: string;
  readonly #headersSeparator: string;
  readonly #headerKeySeparator: string;
  readonly #nullMarker: string | null;
  #line = 0;

  constructor(properties: ReadonlyMap<string, string>) {
    const is = (name: string) => properties.get(name)?.trim().toLowerCase() === "true";
    this.#parsesKey = is("parse.key");
    this.#parsesHeaders = is("parse.headers");
    this.#ignoresErrors = is("ignore.error");
    this.#keySeparator = properties.get("key.separator") ?? "\t";
    this.#headersDelimiter = properties.get("headers.delimiter") ?? "\t";
    this.#headersSeparator = properties.get("headers.separator") ?? ",";
    this.#headerKeySeparator = properties.get("headers.key.separator") ?? ":";
    this.#nullMarker = properties.get("null.marker") ?? null;
  }

  /** Throws ToolError for a line that lacks a part, unless such lines are to be taken as they are. */
  read(line: string): NewRecord {
    this.#line += 1;
    let rest = line;
    let headers: NewRecord["headers"] = [];
    if (this.#parsesHeaders) {
      const [text, after] = this.#cut(rest, this.#headersDelimiter, "headers delimiter");
      headers = text === null ? [] : this.#headers(text);
      rest = after;
    }
    let key: string | null = null;
    if (this.#parsesKey) [key, rest] = this.#cut(rest, this.#keySeparator, "key separator");
    return { key: this.#bytes(key), value: this.#bytes(rest), headers, timestampMs: Date.now() };
  }

  #cut(text: string, separator: string, what: string): [string | null, string] {
    const at = text.indexOf(separator);
    if (at >= 0) return [text.slice(0, at), text.slice(at + separator.length)];
    if (this.#ignoresErrors) return [null, text];
    throw new ToolError(`No ${what} found on line number ${this.#line}: '${text}'`);
  }

  #headers(text: string): NewRecord["headers"] {
    if (text === "" || text === this.#nullMarker) return [];
    return text.split(this.#headersSeparator).map((pair) => {
      const [name, value] = this.#cut(pair, this.#headerKeySeparator, "header key separator");
      return { name: name ?? pair, value: name === null ? null : this.#bytes(value) };
    });
  }

  #bytes(text: string | null): Uint8Array | null {
    return text === null || text === this.#nullMarker ? null : utf8.encode(text);
  }
}

class Sender {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #codec: Codec;
  readonly #acks: -1 | 0 | 1;
  #partitions = 0;
  /** Where lines without a key go until the next flush. */
  #sticky = 0;
  #batches = new Map<number, NewRecord[]>();
  #bytes = 0;
  #records = 0;

  constructor(
    client: KafkaClient,
    topic: string,
    { codec, acks }: { readonly codec: Codec; readonly acks: -1 | 0 | 1 },
  ) {
    this.#client = client;
    this.#topic = topic;
    this.#codec = codec;
    this.#acks = acks;
  }

  async add(record: NewRecord): Promise<void> {
    if (this.#partitions === 0) await this.#learn();
    const partition = record.key ? partitionOfKey(record.key, this.#partitions) : this.#sticky;
    const batch = this.#batches.get(partition);
    if (batch) batch.push(record);
    else this.#batches.set(partition, [record]);
    this.#bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#records += 1;
    if (this.#bytes >= BATCH_BYTES || this.#records >= BATCH_RECORDS) await this.flush();
  }

  async flush(): Promise<void> {
    const batches = [...this.#batches];
    this.#batches = new Map();
    this.#bytes = 0;
    this.#records = 0;
    await Promise.all(batches.map(([partition, records]) => this.#send(partition, records)));
    if (this.#partitions > 0) this.#sticky = (this.#sticky + 1) % this.#partitions;
  }

  /** Asks for the topic, which its first look makes where the broker is told to. */
  async #learn(): Promise<void> {
    const count = await this.#client.partitionsOf(this.#topic);
    this.#partitions = count;
    this.#sticky = Math.floor(Math.random() * count);
  }

  async #send(partition: number, records: readonly NewRecord[]): Promise<void> {
    const data = [{ index: partition, records: encodeBatch(records, { codec: this.#codec }) }];
    const request = {
      acks: this.#acks === 0 ? 1 : this.#acks,
      timeoutMs: REQUEST_MS,
      topicData: [{ name: this.#topic, topicId: NO_ID, partitionData: data }],
    };
    const target = { to: "leader", topic: this.#topic, partition } as const;
    const judge = (answer: { responses: readonly ProducedTopic[] }) => {
      for (const { partitionResponses } of answer.responses)
        for (const { errorCode, errorMessage } of partitionResponses)
          check(errorCode, errorMessage);
    };
    await this.#client.ask(target, produce, request, judge, {
      versionMax: NAMES_VERSION,
      waitMs: REQUEST_MS,
    });
  }
}

interface ProducedTopic {
  readonly partitionResponses: readonly {
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}
