/**
 * Transactions: all of it in one call, or a session of several. Readers of committed records see a transaction whole or not at
 * all, and a consumer's offsets count together with what it made of its records.
 *
 * - Every call may be repeated, so what fails in passing is tried again.
 */
import { isAnswered, readResults, type WireAnswered } from "./produce-request.ts";
import { KedgeError } from "./errors.ts";
import { encodeRecord, type NewRecord, type Receipt } from "./records.ts";
import { randomKey } from "./retry.ts";
import { isText, membersOf } from "./shape.ts";
import type { Call, Transport } from "./transport.ts";

export interface TopicRecords {
  readonly topic: string;
  readonly records: readonly NewRecord<unknown>[];
}

/** Offsets that a group commits with a transaction: the next to be read. */
export interface TransactionOffsets {
  readonly group: string;
  /** As the member that polled them; left out by who commits for a group without members. */
  readonly member?: { readonly id: string; readonly epoch: number } | undefined;
  readonly offsets: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly metadata?: string | undefined;
  }[];
}

export interface Transaction {
  readonly produce?: readonly TopicRecords[] | undefined;
  readonly offsets?: TransactionOffsets | undefined;
  /** Refuse the whole unless the next offset of each of these partitions is exactly this. */
  readonly expect?:
    | readonly { readonly topic: string; readonly partition: number; readonly offset: number }[]
    | undefined;
}

export interface TransactOptions {
  /** Any unique text; a call with the same key writes once. One of its own, if not said. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a transaction in one call; receipts come in the order of the records. */
export async function transact(
  transport: Transport,
  { produce = [], offsets, expect }: Transaction,
  { key = randomKey(), signal }: TransactOptions = {},
): Promise<Receipt[]> {
  const parts = await Promise.all(
    produce.map(async ({ topic, records }) => {
      const texts = await textsOf(topic, records);
      return `{"topic":${JSON.stringify(topic)},"records":[${texts.join(",")}]}`;
    }),
  );
  const others = JSON.stringify({ offsets: offsets && wireOffsets(offsets), expect });
  const comma = others === "{}" ? "" : ",";
  const call: Call = {
    ...posting(["v1", "transact"], `{"produce":[${parts.join(",")}]${comma}${others.slice(1)}`),
    headers: { "idempotency-key": key },
    signal,
  };
  const answer = await transport.json(call, isAnswered);
  const count = produce.reduce((sum, { records }) => sum + records.length, 0);
  return receiptsOf(answer, count);
}

const isOpen = membersOf({ txn: isText });
const isEnded = membersOf({ next: isOpen });

/** One transactional id's transactions, one after the other. Whoever begins under the same id later takes it over. */
export class TransactionSession {
  readonly transactionalId: string;
  readonly #transport: Transport;
  #txn: string;

  private constructor(transport: Transport, transactionalId: string, txn: string) {
    this.#transport = transport;
    this.transactionalId = transactionalId;
    this.#txn = txn;
  }

  /** Made by `Kedge.transactions`. */
  static async begin(
    transport: Transport,
    transactionalId: string,
    timeoutMs?: number,
  ): Promise<TransactionSession> {
    const body = JSON.stringify({ transactional_id: transactionalId, timeout_ms: timeoutMs });
    const { txn } = await transport.json(posting(["v1", "txns"], body), isOpen);
    return new TransactionSession(transport, transactionalId, txn);
  }

  /** Appends records as part of the transaction. @throws KedgeError; then abort. */
  async produce(topic: string, records: readonly NewRecord<unknown>[]): Promise<Receipt[]> {
    const texts = await textsOf(topic, records);
    const call: Call = {
      ...posting(["v1", "topics", topic, "records"], `{"records":[${texts.join(",")}]}`),
      headers: { txn: this.#txn, "idempotency-key": randomKey() },
    };
    return receiptsOf(await this.#transport.json(call, isAnswered), records.length);
  }

  /** Commits a group's offsets with the transaction. */
  async addOffsets(offsets: TransactionOffsets): Promise<void> {
    const path = ["v1", "txns", this.#txn, "add-offsets"];
    await this.#transport.done(posting(path, JSON.stringify(wireOffsets(offsets))));
  }

  /** Makes all of it visible at once; the session then goes on with the next transaction. */
  commit(): Promise<void> {
    return this.#end("commit");
  }

  /** As if nothing of it had been. */
  abort(): Promise<void> {
    return this.#end("abort");
  }

  async #end(how: "commit" | "abort"): Promise<void> {
    const path = ["v1", "txns", this.#txn, how];
    const call: Call = { method: "POST", path, repeatable: true };
    this.#txn = (await this.#transport.json(call, isEnded)).next.txn;
  }
}

function posting(path: Call["path"], body: string): Call {
  return { method: "POST", path, body, repeatable: true };
}

async function textsOf(topic: string, records: readonly NewRecord<unknown>[]): Promise<string[]> {
  const codec = { topic, format: "auto", value: undefined, key: undefined } as const;
  return Promise.all(records.map(async (record) => encodeRecord(record, codec)));
}

function wireOffsets({ group, member, offsets }: TransactionOffsets): object {
  return { group, member_id: member?.id, member_epoch: member?.epoch, offsets };
}

/** A session's request may have some records refused (207): then it is for nothing. */
function receiptsOf(answer: WireAnswered, count: number): Receipt[] {
  const outcomes = readResults(answer, count);
  return outcomes.map((outcome) => {
    if (outcome instanceof KedgeError) throw outcome;
    return outcome;
  });
}
