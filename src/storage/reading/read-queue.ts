/**
 * Reads on their way to the readers: what waits when a reader is free goes to it in one message.
 *
 * - Readers are opened when they are first needed, a second one when the first is busy.
 * - What is read ahead of its reader leaves one reader free if there are two.
 */
import { Bug } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import { Channel } from "../libsql/channel.ts";
import { errorOf } from "../messages/failure.ts";
import type { OpenReader, Read, ReadAnswer } from "../messages/messages.ts";
import { pageBytesOf, type PageBuffers } from "./page-buffers.ts";
import { ReadLine, type ReadLineLimits, type WaitingRead } from "./read-line.ts";
import { StorageFault } from "../storage.ts";

interface ReadQueueOptions {
  /** What it lends to the readers it lends until the queue is closed. */
  readonly openReader: OpenReader;
  readonly clock: Clock;
  readonly pages: PageBuffers;
  readonly limits: { readonly readersMax: number };
}

const lineLimits: ReadLineLimits = { readsMax: 256, bytesMax: 4 * 1024 * 1024 };

export class ReadQueue {
  readonly #openReader: OpenReader;
  readonly #clock: Clock;
  readonly #pages: PageBuffers;
  readonly #readersMax: number;
  readonly #channels: Channel[] = [];
  readonly #line = new ReadLine(lineLimits);
  #aheadUnderWay = 0;
  readonly #exchanges = new Set<Promise<void>>();
  #gathering = false;
  #paused = false;

  constructor({ openReader, clock, pages, limits }: ReadQueueOptions) {
    this.#openReader = openReader;
    this.#pages = pages;
    this.#clock = clock;
    this.#readersMax = limits.readersMax;
  }

  /** With `isAhead` nobody waits for it yet: `hurry` says when somebody does. */
  async ask<T extends Read["type"]>(
    read: Read & { readonly type: T },
    isAhead = false,
  ): Promise<ReadAnswer & { readonly type: T }> {
    const answer = await new Promise<ReadAnswer>((resolve, reject) => {
      this.#line.push({ read, resolve, reject }, isAhead);
      this.#gather();
    });
    if (!answers(answer, read.type)) throw new Bug("a read is answered by its own type");
    return answer;
  }

  /** Somebody waits for this very read now, if it has not begun. */
  hurry(read: Read): void {
    if (this.#line.hurry(read)) this.#gather();
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
    for (const { reject } of this.#line.takeAll()) reject(closed);
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
    while (!this.#paused && (this.#line.isAwaited || this.#mayReadAhead())) {
      const channel = this.#free();
      if (!channel) return;
      const isAhead = !this.#line.isAwaited;
      if (isAhead) this.#aheadUnderWay += 1;
      const exchange = this.#exchange(channel, this.#line.take());
      this.#exchanges.add(exchange);
      void exchange
        .finally(() => {
          this.#exchanges.delete(exchange);
          if (isAhead) this.#aheadUnderWay -= 1;
        })
        // What is made of the answers may take long: others get their turn before the next ones come.
        .then(() => this.#clock.turn())
        .then(() => this.#send());
    }
  }

  #mayReadAhead(): boolean {
    return this.#line.hasAhead && this.#aheadUnderWay < Math.max(1, this.#readersMax - 1);
  }

  async #exchange(channel: Channel, waiting: readonly WaitingRead[]): Promise<void> {
    try {
      const reads = waiting.map(({ read }) => read);
      const sizes = reads.map(pageBytesOf).filter((size) => size !== null);
      const pages = sizes.map((size) => this.#pages.take(size));
      const answers = await channel.ask({ type: "reads", reads, pages }, pages);
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
    if (this.#channels.length >= this.#readersMax) return null;
    const channel = new Channel();
    this.#channels.push(channel);
    channel.ask(this.#openReader).catch(() => {
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
