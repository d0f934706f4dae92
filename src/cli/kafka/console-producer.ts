/**
 * `kedge kafka-console-producer`: Kafka's own spelling for producing lines (kafka-console-producer.sh).
 *
 * - Lines are gathered into a batch a partition, sent when there are many or when no more come for a moment; a keyless run of
 *   lines goes to one partition, as the Java client's do.
 * - A record that a topic refuses ends it with exit code 1, where Kafka's tool tells it and goes on.
 *
 * Left out: readers that are loaded, transactions, what paces Kafka's client.
 */
import { type Command, Option } from "commander";
import { partitionOfKey } from "../../broker/partitioner.ts";
import { produce } from "../../kafka/apis/00-produce.ts";
import type { KafkaClient } from "../../kafka/client.ts";
import { check } from "../../kafka/client-error.ts";
import { encodeBatch } from "../../records/batch-encode.ts";
import { type Codec, codecNames } from "../../records/compression.ts";
import type { NewRecord } from "../../records/record.ts";
import { zeroUuid } from "../../wire/uuid.ts";
import { integer } from "../arguments.ts";
import type { Session } from "../session.ts";
import { byteLines } from "../lines.ts";
import {
  addConnectOptions,
  gathered,
  propertiesOf,
  settings,
  ToolError,
  withKafka,
  type ConnectOptions,
} from "./connect.ts";
import { numberOf } from "./client-properties.ts";
import { checkReaderClass, LineReader } from "./line-reader.ts";
import { addTool, refuseBoth, requireAll, runsAs, tellDeprecated, tellUnneeded } from "./tool.ts";

interface Options extends ConnectOptions {
  readonly topic?: string;
  readonly lineReader?: string;
  readonly readerConfig?: string;
  readonly property?: readonly string[];
  readonly readerProperty?: readonly string[];
  readonly producerProperty?: readonly string[];
  readonly commandProperty?: readonly string[];
  readonly "producer.config"?: string;
  readonly compressionCodec?: string | boolean;
  readonly requestRequiredAcks?: string;
  readonly requestTimeoutMs?: number;
  readonly batchSize?: number;
  readonly maxPartitionMemoryBytes?: number;
  readonly sync?: boolean;
}

const REQUEST_MS = 30_000;
/** Lines are sent at so many bytes of them unless told, or so many. */
const BATCH_BYTES = 256 * 1024;
const BATCH_RECORDS = 10_000;
/** The last version of Produce that names topics. */
const NAMES_VERSION = 12;

/** What else paces Kafka's client; this one needs no pacing. */
const unneeded = [
  "max-block-ms",
  "max-memory-bytes",
  "message-send-max-retries",
  "metadata-expiry-ms",
  "retry-backoff-ms",
  "socket-buffer-size",
  "timeout",
];

const deprecated = {
  property: "reader-property",
  "producer-property": "command-property",
  "producer.config": "command-config",
  "max-partition-memory-bytes": "batch-size",
};

export function addKafkaConsoleProducer(program: Command, session: Session): void {
  const command = addTool(program, "kafka-console-producer", "produce lines")
    .option("--topic <topic>", "where the lines go")
    .option(
      "--reader-property <name=value>",
      "parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, headers.key.separator, null.marker, ignore.error; may repeat",
      gathered,
    )
    .option("--reader-config <file>", "reader properties in a file")
    .option("--property <name=value>", "as --reader-property", gathered)
    .option(
      "--line-reader <class>",
      "the class that reads lines: org.apache.kafka.tools.LineMessageReader",
    )
    .option(
      "--command-property <name=value>",
      "acks, batch.size, compression.type, client.id, request.timeout.ms; may repeat",
      gathered,
    )
    .option("--producer-property <name=value>", "as --command-property", gathered)
    .option("--producer.config <file>", "as --command-config")
    .option("--compression-codec [codec]", `one of ${codecNames.join(", ")}; gzip unless said`)
    .option("--request-required-acks <acks>", "all, 1 or 0 (all)")
    .option("--request-timeout-ms <ms>", "how long a batch may take to be kept (30000)", integer)
    .option("--batch-size <bytes>", `how many bytes of lines go together (${BATCH_BYTES})`, integer)
    .addOption(new Option("--max-partition-memory-bytes <bytes>").argParser(integer).hideHelp())
    .option("--sync", "send each line before the next is read");
  for (const flag of unneeded)
    command.addOption(new Option(`--${flag} <value>`).argParser(integer).hideHelp());
  runsAs<Options>(addConnectOptions(command), {
    session,
    tell: (reason, error) =>
      session.note(
        error instanceof ToolError
          ? reason
          : `Error when sending message to topic ${command.opts<Options>().topic}: ${reason}`,
      ),
    check(given) {
      requireAll(given, "topic");
      refuseBoth(given, "command-config", "producer.config");
      refuseBoth(given, "command-property", "producer-property");
      refuseBoth(given, "reader-property", "property");
    },
    async run(options, given) {
      await tellDeprecated(session, given, deprecated);
      await tellUnneeded(session, given, unneeded);
      const properties = new Map([
        ...(await propertiesOf(options["producer.config"] ?? options.commandConfig)),
        ...settings(options.producerProperty ?? options.commandProperty),
      ]);
      const as = { kind: "producer", clientId: "console-producer", properties } as const;
      const reader = await readerOf(options);
      const sending = sendingOf(options, properties);
      if (sending.acks === 0)
        await session.note("acks=0 waits for the leader here, as acks=1 does");
      await withKafka(
        session,
        options,
        (client) => run(session, reader, new Sender(client, options.topic ?? "", sending)),
        as,
      );
    },
  });
}

async function readerOf(options: Options): Promise<LineReader> {
  checkReaderClass(options.lineReader);
  return new LineReader(
    new Map([
      ...(await propertiesOf(options.readerConfig)),
      ...settings(options.readerProperty ?? options.property),
    ]),
  );
}

interface Sending {
  readonly codec: Codec;
  readonly acks: -1 | 0 | 1;
  readonly requestMs: number;
  readonly batchBytes: number;
  /** Each line goes before the next is read. */
  readonly oneByOne: boolean;
}

function sendingOf(options: Options, properties: ReadonlyMap<string, string>): Sending {
  return {
    codec: codecOf(options.compressionCodec ?? properties.get("compression.type")),
    acks: acksOf(options.requestRequiredAcks ?? properties.get("acks") ?? "all"),
    requestMs:
      options.requestTimeoutMs ??
      numberOf(properties, "request.timeout.ms", { unless: REQUEST_MS }),
    batchBytes:
      options.maxPartitionMemoryBytes ??
      options.batchSize ??
      numberOf(properties, "batch.size", { unless: BATCH_BYTES }),
    oneByOne: options.sync === true,
  };
}

async function run(session: Session, reader: LineReader, sender: Sender): Promise<void> {
  const { stdin, stdout, interrupted } = session.io;
  const prompt = () => (stdin.isTerminal ? stdout.write(">") : Promise.resolve());
  await prompt();
  const lines = byteLines(stdin.stream(), interrupted);
  try {
    for (let next = lines.next(); ; next = lines.next()) {
      // Nothing more for the moment: what there is goes.
      if (!(await settles(next, LINGER_MS))) await sender.flush();
      const { done, value } = await next;
      if (done === true) break;
      await sender.add(reader.read(utf8Text.decode(value).replace(/\r$/, "")));
      if (stdin.isTerminal) await sender.flush();
      await prompt();
    }
  } catch (error) {
    // The lines before the one that cannot be read go all the same.
    if (error instanceof ToolError) await sender.flush();
    throw error;
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
  throw new ToolError(
    `Invalid value ${text} for configuration acks: String must be one of: all, -1, 0, 1`,
  );
}

function codecOf(asked: string | boolean | undefined): Codec {
  const name = asked === true ? "gzip" : asked === false || asked === undefined ? "none" : asked;
  const codec = codecNames.find((known) => known === name);
  if (!codec)
    throw new ToolError(
      `Invalid value ${name} for configuration compression.type: String must be one of: ${codecNames.join(", ")}`,
    );
  return codec;
}

class Sender {
  readonly #client: KafkaClient;
  readonly #topic: string;
  readonly #sending: Sending;
  #partitions = 0;
  /** Where lines without a key go until the next flush. */
  #sticky = 0;
  #batches = new Map<number, NewRecord[]>();
  #bytes = 0;
  #records = 0;

  constructor(client: KafkaClient, topic: string, sending: Sending) {
    this.#client = client;
    this.#topic = topic;
    this.#sending = sending;
  }

  async add(record: NewRecord): Promise<void> {
    if (this.#partitions === 0) await this.#learn();
    const partition = record.key ? partitionOfKey(record.key, this.#partitions) : this.#sticky;
    const batch = this.#batches.get(partition);
    if (batch) batch.push(record);
    else this.#batches.set(partition, [record]);
    this.#bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#records += 1;
    const { batchBytes, oneByOne } = this.#sending;
    if (oneByOne || this.#bytes >= batchBytes || this.#records >= BATCH_RECORDS) await this.flush();
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
    const { codec, acks, requestMs } = this.#sending;
    const data = [{ index: partition, records: encodeBatch(records, { codec }) }];
    const request = {
      acks: acks === 0 ? 1 : acks,
      timeoutMs: requestMs,
      topicData: [{ name: this.#topic, topicId: zeroUuid, partitionData: data }],
    };
    const target = { to: "leader", topic: this.#topic, partition } as const;
    const judge = (answer: { responses: readonly ProducedTopic[] }) => {
      for (const { partitionResponses } of answer.responses)
        for (const { errorCode, errorMessage } of partitionResponses)
          check(errorCode, errorMessage);
    };
    await this.#client.ask(target, produce, request, judge, {
      versionMax: NAMES_VERSION,
      waitMs: requestMs,
    });
  }
}

interface ProducedTopic {
  readonly partitionResponses: readonly {
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}
