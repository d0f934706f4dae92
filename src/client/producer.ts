/**
 * The way of one topic handle's records to the node: one request at a time, in the order they were handed over, each
 * request holding all that came while the last one was under way (batching without a timer).
 *
 * Every request carries an `Idempotency-Key` and is repeated under the same key until it is settled, so a lost answer
 * makes no duplicate. Keys and not producer sequences, because a sequence counts per partition, and only the node knows
 * which partition a key falls into; because nothing has to survive a restart of the program; and because two pages of
 * one user cannot fence each other. The price is one request in flight a handle, which batching pays for.
 *
 * A refusal of one record (too large, not allowed) fails the records that share its request and partition; those are
 * sent again by halves, so that in the end each fails or stands for itself.
 *
 * Left out: more than one request in flight (order), compression, choosing partitions in the client.
 */
import { KedgeError } from "./errors.ts";
import { produceOnce, type Acks, type Outcome, type Sealed } from "./produce-request.ts";
import type { Receipt } from "./records.ts";
import type { Transport } from "./transport.ts";

export interface ProducerLimits {
  /** Records in one request. */
  readonly batchRecordsMax: number;
  /** Characters of JSON in one request; one larger record still goes, alone. */
  readonly batchCharsMax: number;
  /** Characters of JSON that wait; past it `send` makes its caller wait. */
  readonly queueCharsMax: number;
}

const producerLimits: ProducerLimits = {
  batchRecordsMax: 5_000,
  batchCharsMax: 512 * 1024,
  queueCharsMax: 4 * 1024 * 1024,
};

export interface ProducerOptions {
  /** Bounds of the handle's queue and requests. */
  readonly limits?: Partial<ProducerLimits> | undefined;
  /** Makes the topic, with the node's defaults, by the first record that finds none. */
  readonly create?: boolean | undefined;
}

export interface SendOptions {
  readonly acks?: Acks | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each try that failed and will be repeated. */
  readonly onRetry?: ((error: KedgeError) => void) | undefined;
}

interface Pending {
  /** JSON of each record; a promise while a schema is at work. */
  texts: readonly string[] | Promise<readonly string[]>;
  readonly acks: Acks;
  readonly sealed: Sealed | null;
  readonly options: SendOptions;
  chars: number;
  settled: boolean;
  readonly resolve: (receipts: readonly Receipt[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A pending whose texts are there. */
interface Ready extends Pending {
  texts: readonly string[];
}

export class Producer {
  readonly #transport: Transport;
  readonly #topic: string;
  readonly #limits: ProducerLimits;
  readonly #create: boolean;
  #queue: Pending[] = [];
  #head = 0;
  #queuedChars = 0;
  #running = false;
  #roomWaiters: (() => void)[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    transport: Transport,
    topic: string,
    { limits = {}, create = false }: ProducerOptions,
  ) {
    this.#transport = transport;
    this.#create = create;
    this.#topic = topic;
    this.#limits = { ...producerLimits, ...limits };
  }

  /** Takes records at once and resolves when the node has settled them. */
  enqueue(
    texts: readonly string[] | Promise<readonly string[]>,
    options: SendOptions,
    sealed: Sealed | null = null,
  ): Promise<readonly Receipt[]> {
    // Met when its turn comes; until then nobody else listens.
    if (texts instanceof Promise) texts.catch(() => {});
    const receipts = new Promise<readonly Receipt[]>((resolve, reject) => {
      const { acks = "all", signal } = options;
      const chars = texts instanceof Promise ? 0 : sum(texts);
      const abort = () => pending.reject(signal?.reason);
      const settle = () => {
        pending.settled = true;
        signal?.removeEventListener("abort", abort);
      };
      const pending: Pending = {
        texts,
        acks,
        sealed,
        options,
        chars,
        settled: false,
        resolve: (receipts) => (settle(), resolve(receipts)),
        reject: (error) => (settle(), reject(error)),
      };
      this.#queue.push(pending);
      this.#queuedChars += chars;
      if (signal?.aborted) pending.reject(signal.reason);
      else signal?.addEventListener("abort", abort, { once: true });
    });
    this.#last = receipts.catch(() => {});
    if (!this.#running) {
      this.#running = true;
      // A turn later, so that records handed over in one breath share the first request too.
      queueMicrotask(() => void this.#run());
    }
    return receipts;
  }

  /** Resolves once less waits than the queue's limit. */
  room(): Promise<void> {
    if (this.#queuedChars < this.#limits.queueCharsMax) return Promise.resolve();
    return new Promise((resolve) => this.#roomWaiters.push(resolve));
  }

  /** Resolves once everything taken so far is settled, well or ill. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async #run(): Promise<void> {
    while (this.#head < this.#queue.length) {
      const batch = await this.#take();
      if (batch.length > 0) await this.#deliver(batch);
    }
    this.#running = false;
  }

  /** The next request's worth: what may go together, from the head of the queue. */
  async #take(): Promise<Ready[]> {
    const batch: Ready[] = [];
    let chars = 0;
    let records = 0;
    for (let next = this.#queue[this.#head]; next; next = this.#queue[this.#head]) {
      if (next.texts instanceof Promise) await this.#resolveTexts(next);
      if (next.settled || !isReady(next)) {
        this.#drop(next);
        continue;
      }
      const first = batch[0];
      if (first && !this.#fits(first, next, records, chars)) break;
      batch.push(next);
      chars += next.chars;
      records += next.texts.length;
      this.#drop(next);
    }
    return batch;
  }

  #fits(first: Ready, next: Ready, records: number, chars: number): boolean {
    if (first.sealed || next.sealed || first.acks !== next.acks) return false;
    return (
      records + next.texts.length <= this.#limits.batchRecordsMax &&
      chars + next.chars <= this.#limits.batchCharsMax
    );
  }

  async #resolveTexts(pending: Pending): Promise<void> {
    try {
      pending.texts = await pending.texts;
      pending.chars = sum(pending.texts);
      this.#queuedChars += pending.chars;
    } catch (error) {
      pending.reject(error);
    }
  }

  /** Takes the head off the queue; the array is cut in runs, since `shift` on a long one is slow. */
  #drop(pending: Pending): void {
    this.#head += 1;
    this.#queuedChars -= pending.chars;
    if (this.#head === this.#queue.length || this.#head >= 4_096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#queuedChars >= this.#limits.queueCharsMax) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }

  #request(batch: readonly Ready[]): Promise<Outcome[]> {
    const first = batch[0];
    return produceOnce(this.#transport, {
      topic: this.#topic,
      create: this.#create,
      texts: batch.flatMap((pending) => pending.texts),
      acks: first?.acks ?? "all",
      sealed: first?.sealed ?? null,
      onRetry: (error) => {
        for (const pending of batch) pending.options.onRetry?.(error);
      },
    });
  }

  async #deliver(batch: readonly Ready[]): Promise<void> {
    const outcomes = await this.#request(batch);
    const suspects: Ready[] = [];
    let at = 0;
    for (const pending of batch) {
      const own = outcomes.slice(at, at + pending.texts.length);
      at += pending.texts.length;
      const failure = own.find((outcome) => outcome instanceof KedgeError);
      if (failure === undefined) pending.resolve(own.filter(isReceipt));
      else if (batch.length > 1 && isOwnFault(failure)) suspects.push(pending);
      else pending.reject(failure);
    }
    // By halves: what was too much together passes soon, and one bad record among thousands is found in a few requests.
    const half = Math.ceil(suspects.length / 2);
    for (const part of [suspects.slice(0, half), suspects.slice(half)])
      if (part.length > 0) await this.#deliver(part);
  }
}

function isReceipt(outcome: Outcome): outcome is Receipt {
  return !(outcome instanceof KedgeError);
}

function isReady(pending: Pending): pending is Ready {
  return !(pending.texts instanceof Promise);
}

/** Refused for what a record is, not for who sends it: a neighbour alone may pass. */
function isOwnFault(error: KedgeError): boolean {
  return (error.status === 400 || error.status === 413) && error.sideEffects === "none";
}

function sum(texts: readonly string[]): number {
  return texts.reduce((total, text) => total + text.length, 0);
}
