/**
 * One topic as a typed handle: produce, read, follow. The handle keeps the order of what it is given: the records of two
 * `produce` calls on it stand in the log in the order of the calls.
 */
import { checkLog, type LogCheck } from "./check.ts";
import type { TextOrBytes } from "./data.ts";
import { KedgeError } from "./errors.ts";
import { fetchPage, fromText, type FetchOptions, type Page } from "./fetch.ts";
import { produceLines } from "./produce-lines.ts";
import { Producer, type ProducerOptions, type SendOptions } from "./producer.ts";
import { readRecords, type ReadOptions } from "./read.ts";
import {
  encodeRecord,
  type Codec,
  type LogRecord,
  type NewRecord,
  type Receipt,
} from "./records.ts";
import { isWhole, membersOf, orNull } from "./shape.ts";
import { sending, type Call, type Transport } from "./transport.ts";

export interface ExpectOptions extends SendOptions {
  readonly partition: number;
  /** The offset that the first record must get; else `offset_mismatch` (412) and nothing is written. */
  readonly expectOffset: number;
}

/** Some of many records failed: `results` has a receipt or an error for each, in order. */
export class ProduceError extends KedgeError {
  override readonly name = "ProduceError";
  readonly results: readonly (Receipt | Error)[];

  constructor(first: Error, failed: number, results: readonly (Receipt | Error)[]) {
    const words = `${failed} of ${results.length} records failed, the first so: ${first.message}`;
    super(words, first instanceof KedgeError ? first : unfit, first);
    this.results = results;
  }
}

const isPlace = membersOf({ offset: orNull(isWhole) });
const isTrimmed = membersOf({ log_start: isWhole });

/** A record that never left the program. */
const unfit = {
  code: "invalid_record",
  status: 0,
  retryable: false,
  sideEffects: "none",
  retryAfterMs: null,
  problem: {},
} as const;

/**
 * @example
 * ```ts
 * const orders = kedge.topic("orders", { value: v.object({ item: v.string(), count: v.number() }) });
 * const { partition, offset } = await orders.produce({ key: "u1", value: { item: "tea", count: 2 } });
 * for await (const record of orders.records()) console.log(record.offset, record.value?.item);
 * ```
 */
export class Topic<Input, Output = Input, KeyInput = TextOrBytes, KeyOutput = KeyInput> {
  readonly name: string;
  readonly #transport: Transport;
  readonly #codec: Codec;
  readonly #producer: Producer;
  #failure: { readonly error: unknown } | null = null;

  /** Made by `Kedge.topic`. */
  constructor(transport: Transport, codec: Codec, options: ProducerOptions = {}) {
    this.name = codec.topic;
    this.#transport = transport;
    this.#codec = codec;
    this.#producer = new Producer(transport, codec.topic, options);
  }

  /**
   * Appends one record, or many, and resolves when they are kept. Calls that do not wait for each other share requests;
   * a request that failed in passing is repeated and makes no duplicate.
   *
   * @throws KedgeError, SchemaError; for many records ProduceError, where some may stand all the same.
   */
  produce(record: NewRecord<Input, KeyInput>, options?: SendOptions): Promise<Receipt>;
  produce(
    records: readonly NewRecord<Input, KeyInput>[],
    options?: SendOptions,
  ): Promise<Receipt[]>;
  produce(
    given: NewRecord<Input, KeyInput> | readonly NewRecord<Input, KeyInput>[],
    options: SendOptions = {},
  ): Promise<Receipt | Receipt[]> {
    return isMany(given) ? this.#many(given, options) : this.#one(given, options);
  }

  /**
   * Appends records together or not at all, if the partition's next offset is the expected one.
   *
   * @throws KedgeError `offset_mismatch`, with the actual offset in `problem.latest` or `problem.actual`.
   */
  async produceExpecting(
    records: readonly NewRecord<Input, KeyInput>[],
    options: ExpectOptions,
  ): Promise<Receipt[]> {
    const texts = Promise.all(records.map(async (record) => encodeRecord(record, this.#codec)));
    return [...(await this.#producer.enqueue(texts, options, options))];
  }

  /**
   * Hands over one record without waiting for its receipt: resolves once there is room for the next. `flush` tells how
   * it went, `onSettled` how each record did. This is the way for many records: memory stays bounded, requests are full.
   *
   * @example
   * ```ts
   * for await (const line of lines) await topic.send({ value: line });
   * await topic.flush();
   * ```
   */
  send(
    record: NewRecord<Input, KeyInput>,
    options: SendOptions & { readonly onSettled?: (outcome: Receipt | Error) => void } = {},
  ): Promise<void> {
    void this.#one(record, options).then(options.onSettled, (error: unknown) => {
      this.#failure ??= { error };
      options.onSettled?.(asError(error));
    });
    return this.#producer.room();
  }

  /** Resolves once everything handed over so far is settled. Rejects with the first failure of a `send` since the last flush. */
  async flush(): Promise<void> {
    await this.#producer.settled();
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure.error;
  }

  /**
   * Appends records over one open request and gives their receipts as they are settled, in order: the lowest latency a
   * record for a stream that never ends. Not for browsers, which cannot read an answer while they still send; not
   * repeated after a cut, so receipts tell what stands. `send` is the safer way.
   */
  produceStream(
    records: AsyncIterable<NewRecord<Input, KeyInput>> | Iterable<NewRecord<Input, KeyInput>>,
    options: SendOptions = {},
  ): AsyncGenerator<Receipt, void, void> {
    return produceLines(this.#transport, this.#codec, records, options);
  }

  /** One page of one partition. `records` reads on by itself. */
  async fetch(options: FetchOptions): Promise<Page<Output, KeyOutput>> {
    // The codec's schemas gave these types, here and below.
    return (await fetchPage(this.#transport, this.#codec, options)) as Page<Output, KeyOutput>;
  }

  /**
   * The records of all partitions, or of one: until the end of the log, or for ever with `follow`.
   *
   * @example
   * ```ts
   * for await (const record of topic.records({ from: { tail: 10 }, follow: true })) console.log(record.value);
   * ```
   */
  records(options: ReadOptions = {}): AsyncGenerator<LogRecord<Output, KeyOutput>, void, void> {
    const records = readRecords(this.#transport, this.#codec, options);
    return records as AsyncGenerator<LogRecord<Output, KeyOutput>, void, void>;
  }

  /** The offset of a place in one partition: `latest` is the next offset to be written; null for a time past the last record. */
  async offset(
    partition: number,
    at: "earliest" | "latest" | Date,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<number | null> {
    const call: Call = {
      method: "GET",
      path: ["v1", "topics", this.name, "partitions", partition, "offsets"],
      query: { at: fromText(at) },
      repeatable: true,
      signal: options.signal,
    };
    return (await this.#transport.json(call, isPlace)).offset;
  }

  /**
   * Lets the node look for damage: it reads the partition's stored records from its disk again and checks their checksums, a
   * part at a time. Leaving the loop ends it.
   *
   * @example
   * ```ts
   * for await (const { from, next, damaged } of topic.check(0)) console.log(from, next, damaged);
   * ```
   */
  check(
    partition: number,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<LogCheck, void, void> {
    return checkLog(this.#transport, this.name, partition, options.signal);
  }

  /** Removes the records of one partition below an offset (-1: all of them) and gives the new log start. */
  async trim(partition: number, before: number): Promise<number> {
    const path = ["v1", "topics", this.name, "partitions", partition, "delete-records"];
    const call = sending("POST", path, { before }, before >= 0);
    return (await this.#transport.json(call, isTrimmed)).log_start;
  }

  #one(record: NewRecord<Input, KeyInput>, options: SendOptions): Promise<Receipt> {
    let text: string | Promise<string>;
    try {
      text = encodeRecord(record, this.#codec);
    } catch (error) {
      return Promise.reject(error);
    }
    const texts = typeof text === "string" ? [text] : text.then((text) => [text]);
    return this.#producer.enqueue(texts, options).then(first);
  }

  async #many(
    records: readonly NewRecord<Input, KeyInput>[],
    options: SendOptions,
  ): Promise<Receipt[]> {
    const settled = await Promise.allSettled(records.map((record) => this.#one(record, options)));
    options.signal?.throwIfAborted();
    const results = settled.map((result) =>
      result.status === "fulfilled" ? result.value : asError(result.reason),
    );
    const failures = results.filter((result) => result instanceof Error);
    if (failures[0]) throw new ProduceError(failures[0], failures.length, results);
    return results.filter((result): result is Receipt => !(result instanceof Error));
  }
}

function isMany<Each extends object>(given: Each | readonly Each[]): given is readonly Each[] {
  return Array.isArray(given);
}

function first(receipts: readonly Receipt[]): Receipt {
  const [receipt] = receipts;
  if (!receipt) throw new TypeError("A record was settled without a receipt.");
  return receipt;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
