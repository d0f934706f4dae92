/**
 * The kedge client: typed, without dependencies, on nothing but web standards. It runs in Bun, Deno, Node 20 and later,
 * browsers and edge functions.
 *
 * - `Kedge` is one node; `Kedge.topic` gives typed handles that produce and read.
 * - Failures that pass are retried where that cannot do the work twice; every produce can be repeated without a duplicate.
 * - What fails for good is a `KedgeError` with the node's code and whether anything may have happened.
 *
 * Left out for now: queues, WebSocket.
 */
import { decodeRecord, type Codec, type LogRecord, type Receipt } from "./records.ts";
import type { Format, TextOrBytes } from "./data.ts";
import { badAnswer, KedgeError } from "./errors.ts";
import { fromText, type From } from "./fetch.ts";
import { Group, type GroupOptions } from "./group.ts";
import type { ProducerOptions } from "./producer.ts";
import { isFlag, isText, listOf, maybe, membersOf } from "./shape.ts";
import type { StandardSchema } from "./standard-schema.ts";
import { tailEvents, type Gap } from "./tail.ts";
import { Topic } from "./topic.ts";
import {
  descriptionOf,
  isDescription,
  isNode,
  isSummaryPage,
  nodeOf,
  summaryOf,
  type NewTopic,
  type NodeDescription,
  type TopicChange,
  type TopicDescription,
  type TopicSummary,
} from "./topics.ts";
import {
  transact,
  TransactionSession,
  type Transaction,
  type TransactOptions,
} from "./transactions.ts";
import { sending, Transport, type Call, type KedgeOptions } from "./transport.ts";

export type { LogCheck } from "./check.ts";
export { KedgeError, SchemaError, type RecordPlace, type SideEffects } from "./errors.ts";
export type { Format, TextOrBytes } from "./data.ts";
export type { FetchOptions, From, Isolation, LogEnds, Page } from "./fetch.ts";
export {
  Group,
  type Assigned,
  type GroupOffset,
  type GroupOptions,
  type PartitionLag,
} from "./group.ts";
export type { Acks } from "./produce-request.ts";
export type { ProducerLimits, ProducerOptions, SendOptions } from "./producer.ts";
export type { ReadOptions } from "./read.ts";
export type { Headers, LogRecord, NewRecord, Receipt } from "./records.ts";
export type { RetryOptions } from "./retry.ts";
export type { StandardSchema, StandardIssue, StandardResult } from "./standard-schema.ts";
export type { Gap } from "./tail.ts";
export { ProduceError, Topic, type ExpectOptions } from "./topic.ts";
export type {
  ConfigValue,
  NewTopic,
  NodeDescription,
  PartitionDescription,
  TopicChange,
  TopicDescription,
  TopicSummary,
} from "./topics.ts";
export {
  TransactionSession,
  type TransactionOffsets,
  type TopicRecords,
  type Transaction,
  type TransactOptions,
} from "./transactions.ts";
export type { Fetch, KedgeOptions } from "./transport.ts";

/** What a topic's values are in a program, going in and coming out, when no schema says more. */
export interface ValueOf {
  readonly auto: { readonly in: unknown; readonly out: TextOrBytes };
  readonly json: { readonly in: unknown; readonly out: unknown };
  readonly text: { readonly in: string; readonly out: string };
  readonly bytes: { readonly in: Uint8Array; readonly out: Uint8Array };
}

type TypesOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>;
export type InputOf<S extends StandardSchema> = TypesOf<S>["input"];
export type OutputOf<S extends StandardSchema> = TypesOf<S>["output"];

/** Keys are text, or bytes where they are not UTF-8. */
type AnyKey = StandardSchema<TextOrBytes>;

export interface TailOptions {
  readonly topics: readonly string[];
  /** The end, if not said. */
  readonly from?: From | undefined;
  /** Records of this key alone. */
  readonly key?: string | undefined;
  /** Goes on where an earlier tail stood: the `cursor` of its last event. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when the connection is made anew; with null when the node ended it in good order. */
  readonly onReconnect?: ((error: KedgeError | null) => void) | undefined;
}

/** A record, or word that records were removed before this reader saw them. `cursor` resumes after the event. */
export type TailEvent =
  | {
      readonly type: "record";
      readonly record: LogRecord<TextOrBytes>;
      readonly cursor: string;
    }
  | { readonly type: "gap"; readonly gap: Gap; readonly cursor: string };

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly detail?: string;
  }[];
}

type ReadyCheck = Readiness["checks"][number];

const isChecks = listOf(
  membersOf<ReadyCheck>({ name: isText, ready: isFlag, detail: maybe(isText) }),
);
const isHealth = membersOf({ checks: maybe(isChecks) });

/** The copy is made before the first byte is sent. */
const BACKUP_WAIT_MS = 15 * 60_000;

/**
 * One kedge node.
 *
 * @example
 * ```ts
 * import { Kedge } from "kedge/client";
 *
 * const kedge = new Kedge({ url: "http://127.0.0.1:8080" });
 * await kedge.createTopic({ name: "greetings" });
 * const greetings = kedge.topic("greetings", { format: "text" });
 * await greetings.produce({ value: "hello" });
 * for await (const { offset, value } of greetings.records()) console.log(offset, value);
 * ```
 */
export class Kedge {
  readonly #transport: Transport;

  constructor(options: KedgeOptions) {
    this.#transport = new Transport(options);
  }

  /**
   * A typed handle on a topic, which need not exist yet. With a `value` schema (any Standard Schema: Valibot, Zod,
   * ArkType) values are JSON, checked on their way in and out: the log holds the schema's input, readers get its output.
   */
  topic<S extends StandardSchema, K extends AnyKey = StandardSchema<TextOrBytes>>(
    name: string,
    options: ProducerOptions & { readonly value: S; readonly key?: K },
  ): Topic<InputOf<S>, OutputOf<S>, InputOf<K>, OutputOf<K>>;
  topic<F extends Format = "auto", K extends AnyKey = StandardSchema<TextOrBytes>>(
    name: string,
    options?: ProducerOptions & { readonly format?: F; readonly key?: K },
  ): Topic<ValueOf[F]["in"], ValueOf[F]["out"], InputOf<K>, OutputOf<K>>;
  topic(
    name: string,
    options: ProducerOptions & {
      readonly value?: StandardSchema;
      readonly key?: StandardSchema;
      readonly format?: Format;
    } = {},
  ): Topic<unknown, unknown, unknown, unknown> {
    const { value, key } = options;
    const format = options.format ?? (value ? "json" : "auto");
    return new Topic(this.#transport, { topic: name, format, value, key }, options);
  }

  /**
   * A handle on a group of consumers, which need not exist yet; `records()` makes this program a member. Values and keys as in
   * `topic`, the same for all of the group's topics.
   */
  group<S extends StandardSchema, K extends AnyKey = StandardSchema<TextOrBytes>>(
    name: string,
    options: GroupOptions & { readonly value: S; readonly key?: K },
  ): Group<OutputOf<S>, OutputOf<K>>;
  group<F extends Format = "auto", K extends AnyKey = StandardSchema<TextOrBytes>>(
    name: string,
    options: GroupOptions & { readonly format?: F; readonly key?: K },
  ): Group<ValueOf[F]["out"], OutputOf<K>>;
  group(
    name: string,
    options: GroupOptions & {
      readonly value?: StandardSchema;
      readonly key?: StandardSchema;
      readonly format?: Format;
    },
  ): Group<unknown, unknown> {
    const { value, key } = options;
    const format = options.format ?? (value ? "json" : "auto");
    return new Group(this.#transport, name, { format, value, key }, options);
  }

  /** Makes a topic. @throws KedgeError `topic_already_exists`, `invalid_topic_exception`, `invalid_config`, … */
  async createTopic(topic: NewTopic): Promise<TopicDescription> {
    const { name, partitions, replicationFactor: replication_factor, configs } = topic;
    const validate_only = topic.validateOnly;
    const body = { name, partitions, replication_factor, configs, validate_only };
    const call = sending("POST", ["v1", "topics"], body, validate_only === true);
    return descriptionOf(await this.#transport.json(call, isDescription));
  }

  /** Every topic by name; internal ones only if asked for. */
  async topics(options: { readonly internal?: boolean } = {}): Promise<TopicSummary[]> {
    const topics: TopicSummary[] = [];
    let after: string | null | undefined;
    while (after !== null) {
      const query: Call["query"] = { limit: 1_000, after, internal: options.internal };
      const call = { ...getting(["v1", "topics"]), query };
      const { topics: more, next } = await this.#transport.json(call, isSummaryPage);
      if (next !== null && next === after) throw badAnswer("The node does not move on.", 200);
      topics.push(...more.map(summaryOf));
      after = next;
    }
    return topics;
  }

  async describeTopic(name: string): Promise<TopicDescription> {
    return descriptionOf(
      await this.#transport.json(getting(["v1", "topics", name]), isDescription),
    );
  }

  async alterTopic(name: string, change: TopicChange): Promise<TopicDescription> {
    // Setting what is set already changes nothing, so this may come twice.
    const call = sending("PATCH", ["v1", "topics", name], change);
    return descriptionOf(await this.#transport.json(call, isDescription));
  }

  /** Deletes a topic and all its records. */
  async deleteTopic(name: string): Promise<void> {
    let maybeGone = false;
    try {
      await this.#transport.done({
        method: "DELETE",
        path: ["v1", "topics", name],
        repeatable: true,
        onRetry: (error) => (maybeGone ||= error.sideEffects === "unknown"),
      });
    } catch (error) {
      // Gone by the try whose answer was lost.
      const isGone = error instanceof KedgeError && error.status === 404;
      if (!maybeGone || !isGone) throw error;
    }
  }

  /**
   * Appends to several topics and commits a group's offsets, all or nothing, once however often it is tried.
   *
   * @example
   * ```ts
   * await kedge.createTopic({ name: "bills" });
   * await kedge.transact({
   *   produce: [{ topic: "bills", records: [{ key: "o-1", value: "paid" }] }],
   *   offsets: { group: "billing", offsets: [{ topic: "orders", partition: 0, offset: 1 }] },
   * });
   * ```
   */
  transact(transaction: Transaction, options?: TransactOptions): Promise<Receipt[]> {
    return transact(this.#transport, transaction, options);
  }

  /** Begins a session of transactions; who used the transactional id before is fenced, and what it left open aborted. */
  transactions(
    transactionalId: string,
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<TransactionSession> {
    return TransactionSession.begin(this.#transport, transactionalId, options.timeoutMs);
  }

  /** Who the node is. */
  async node(): Promise<NodeDescription> {
    return nodeOf(await this.#transport.json(getting(["v1", "node"]), isNode));
  }

  /** Whether the node serves, and which of its checks fails. */
  async ready(): Promise<Readiness> {
    const call = { ...getting(["readyz"]), query: { verbose: true } };
    try {
      const { checks = [] } = await this.#transport.json(call, isHealth);
      return { ready: true, checks };
    } catch (error) {
      if (!(error instanceof KedgeError) || error.status !== 503) throw error;
      const checks = error.problem["checks"];
      return { ready: false, checks: isChecks(checks) ? checks : [] };
    }
  }

  /** A copy of the node's data, made while it serves: a tar archive as a stream, `manifest.json` last. */
  async backup(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#transport.openRetried({
      method: "POST",
      path: ["v1", "node", "backup"],
      // A copy that nobody took is deleted.
      repeatable: true,
      waitMs: BACKUP_WAIT_MS,
      signal: options.signal,
    });
    if (!response.body) throw badAnswer("The node answered without an archive.", response.status);
    return response.body;
  }

  /**
   * Follows topics live over one connection, and goes on after a cut without a gap or a repeat.
   *
   * @example
   * ```ts
   * for await (const event of kedge.tail({ topics: ["orders"], from: "latest" })) {
   *   if (event.type === "record") console.log(event.record.value);
   *   else console.warn("removed before we came to them:", event.gap);
   * }
   * ```
   */
  async *tail(options: TailOptions): AsyncGenerator<TailEvent, void, void> {
    const { topics, from, key, cursor, signal, onReconnect } = options;
    const query = {
      topic: topics,
      from: from === undefined ? undefined : fromText(from),
      "filter.key": key,
    };
    const events = tailEvents(this.#transport, { query, cursor, signal, onReconnect });
    for await (const event of events) {
      if (event.type === "gap") yield event;
      else {
        const record = decodeRecord(event.record, plain(event.record.topic));
        // Without a schema nothing is waited for.
        yield { ...event, record: (await record) as LogRecord<TextOrBytes> };
      }
    }
  }
}

function plain(topic: string): Codec {
  return { topic, format: "auto", value: undefined, key: undefined };
}

function getting(path: Call["path"]): Call {
  return { method: "GET", path, repeatable: true };
}
