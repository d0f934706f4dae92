/**
 * Reads on their way to the readers: what waits when a reader is free goes to it in one message.
 *
 * Readers are opened when they are first needed, a second one when the first is busy.
 */
import { Bug } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { Channel } from "./channel.ts";
import { errorOf } from "./failure.ts";
import type { Read, ReadAnswer } from "./messages.ts";
import { StorageFault } from "./storage.ts";

interface Waiting {
  readonly read: Read;
  readonly resolve: (answer: ReadAnswer) => void;
  readonly reject: (error: unknown) => void;
}

export interface ReadQueueLimits {
  readonly readersMax: number;
  /** Reads that one message may carry. */
  readonly readsMax: number;
  /** Bytes that the answer to one message may have, unless a single read asks for more. */
  readonly bytesMax: number;
}

/** What a read counts for that gives one row: seldom more. */
const ROW_BYTES = 256 * 1024;

export class ReadQueue {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #limits: ReadQueueLimits;
  readonly #channels: Channel[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #receipts: Waiting[] = [];
  readonly #exchanges = new Set<Promise<void>>();
  #gathering = false;
  #paused = false;

  constructor(directory: string, clock: Clock, limits: ReadQueueLimits) {
    this.#directory = directory;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** True while nothing waits for a reader. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#receipts.length === 0;
  }

  async ask<T extends Read["type"]>(
    read: Read & { readonly type: T },
  ): Promise<ReadAnswer & { readonly type: T }> {
    const answer = await new Promise<ReadAnswer>((resolve, reject) => {
      const queue = read.type === "receipt" ? this.#receipts : this.#waiting;
      queue.push({ read, resolve, reject });
      this.#gather();
    });
    if (!answers(answer, read.type)) throw new Bug("a read is answered by its own type");
    return answer;
  }

  /** Resolves once no read is under way; the next ones wait until the function that it gives is called. */
  async pause(): Promise<() => void> {
    this.#paused = true;
    await Promise.all(this.#exchanges);
    return () => {
      this.#paused = false;
      this.#send();
    };
  }

  /** Answers what was sent; what was not is told that it is too late. */
  async close(): Promise<void> {
    const closed = new StorageFault("closed", "the storage is closed");
    for (const { reject } of [...this.#receipts.splice(0), ...this.#waiting.splice(0)])
      reject(closed);
    await Promise.all(this.#channels.map((channel) => channel.close()));
  }

  /** Lets this turn's other reads come first. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    queueMicrotask(() => {
      this.#gathering = false;
      this.#send();
    });
  }

  #send(): void {
    while (!this.#paused && this.#waiting.length + this.#receipts.length > 0) {
      const channel = this.#free();
      if (!channel) return;
      const exchange = this.#exchange(channel, this.#take());
      this.#exchanges.add(exchange);
      void exchange
        .finally(() => this.#exchanges.delete(exchange))
        // What is made of the answers may take long: others get their turn before the next ones come.
        .then(() => this.#clock.turn())
        .then(() => this.#send());
    }
  }

  /**
   * The next message's reads: one at least, then as many as the limits allow. Receipts go first and alone: they are small,
   * and appends wait for them, which must not wait for readers that catch up.
   */
  #take(): Waiting[] {
    const { readsMax, bytesMax } = this.#limits;
    if (this.#receipts.length > 0) return this.#receipts.splice(0, readsMax);
    let bytes = 0;
    let count = 0;
    for (const { read } of this.#waiting) {
      bytes += read.type === "read" ? read.bytesMax : ROW_BYTES;
      if (count > 0 && (bytes > bytesMax || count >= readsMax)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #exchange(channel: Channel, waiting: readonly Waiting[]): Promise<void> {
    try {
      const answers = await channel.ask({ type: "reads", reads: waiting.map(({ read }) => read) });
      for (const [at, { resolve, reject }] of waiting.entries()) {
        const answer = answers[at];
        if (answer === undefined) reject(new Bug("every read is answered"));
        else if ("failure" in answer) reject(errorOf(answer.failure));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  #free(): Channel | null {
    const free = this.#channels.find((channel) => !channel.busy);
    if (free) return free;
    if (this.#channels.length >= this.#limits.readersMax) return null;
    const channel = new Channel();
    this.#channels.push(channel);
    channel.ask({ type: "open-reader", directory: this.#directory }).catch(() => {
      // What was sent fails with it; the next read tries anew.
      this.#channels.splice(this.#channels.indexOf(channel), 1);
      return channel.close();
    });
    return channel;
  }
}

function answers<T extends ReadAnswer["type"]>(
  answer: ReadAnswer,
  type: T,
): answer is ReadAnswer & { readonly type: T } {
  return answer.type === type;
}
