/**
 * Reads on their way to the readers: what waits when a reader is free goes to it in one message.
 *
 * - Readers are opened when they are first needed, a second one when the first is busy.
 * - What is read ahead of its reader leaves one reader free if there are two.
 * - A page that the threads share goes along once, then by its number alone.
 */
import { Bug } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import { Channel } from "../libsql/channel.ts";
import { errorOf } from "../messages/failure.ts";
import type { OpenReader, Page, PageBuffer, Read, ReadAnswer } from "../messages/messages.ts";
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
  /** The shared pages that each of them has. */
  readonly #known = new WeakMap<Channel, WeakSet<SharedArrayBuffer>>();
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

  /** The shared pages are never used again: the readers let go of them, too. */
  forgetPages(): void {
    for (const channel of this.#channels)
      void channel
        .ask({ type: "forget-pages" })
        .catch(() => {}) // Who is gone has none.
        .then(() => this.#send());
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
      const buffers = reads.map((read) => {
        const size = pageBytesOf(read);
        return size === null ? null : this.#pages.take(size);
      });
      const pages = buffers
        .filter((buffer) => buffer !== null)
        .map((buffer) => this.#sent(channel, buffer));
      const transfer = pages.filter((page) => page instanceof ArrayBuffer);
      const answers = await channel.ask({ type: "reads", reads, pages }, transfer);
      for (const [at, { resolve, reject }] of waiting.entries()) {
        const answer = answers[at];
        const buffer = buffers[at] ?? null;
        if (answer === undefined) reject(new Bug("every read is answered"));
        else if ("failure" in answer) {
          if (buffer instanceof SharedArrayBuffer) this.#pages.giveBack(buffer);
          reject(errorOf(answer.failure));
        } else if (answer.type !== "read") resolve(answer);
        else resolve({ ...answer, buffer: answer.buffer ?? buffer });
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }

  /** How a page goes to this reader. */
  #sent(channel: Channel, buffer: PageBuffer): Page {
    if (buffer instanceof ArrayBuffer) return buffer;
    const known = this.#known.get(channel) ?? new WeakSet();
    this.#known.set(channel, known);
    const isNew = !known.has(buffer);
    known.add(buffer);
    return { number: this.#pages.numberOf(buffer), buffer: isNew ? buffer : null };
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
