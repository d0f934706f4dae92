/**
 * A tail as server-sent events (WHATWG HTML, 9.2).
 *
 * - It begins with the reader's cursor and no event, so that a reader which is cut off before its first event resumes
 *   where it began. Moving past what a filter left out is told in the same way.
 * - The log is read when the reader takes more, never ahead: a reader that stops costs what the runtime's and the
 *   kernel's buffers hold. One that takes nothing for `stallMs`, with something to take, is dropped; sooner where others
 *   wait for the room that this takes.
 * - Ends by itself about every `lifeMs` and when the node stops; the reader comes back by its cursor, here or elsewhere.
 */
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Holder } from "../../lib/room.ts";
import { endEvent, type Feed, type TailEvent, type TailEvents } from "./feed.ts";
import type { TailLimits } from "./limits.ts";

/** How soon an EventSource should come back after its stream ended. */
const RETRY_MS = 250;
/** A stream lives for `lifeMs`, more or less by this part of it: readers that came together do not return together. */
const LIFE_JITTER = 0.2;

const encoder = new TextEncoder();

export interface EventStreamOptions {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: TailLimits;
  /** The node stops. */
  readonly stopping: AbortSignal;
  /** The reader is gone. */
  readonly gone: AbortSignal;
  /** Puts an error into words for the reader. */
  readonly problem: (error: unknown) => unknown;
  /** Called once, when the stream is over, whoever ended it. */
  readonly over: () => void;
}

export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const source = new EventSource(options);
  return new ReadableStream(source, { highWaterMark: 0 });
}

class EventSource implements UnderlyingDefaultSource<Uint8Array>, Holder {
  readonly #options: EventStreamOptions;
  readonly #endMs: number;
  readonly #wake = new AbortController();
  #pending: TailEvents | null = null;
  #cursorSent = "";
  /** When the reader was last given something that it has not followed by asking for more; null while it asks. */
  #givenMs: number | null;
  #watch: Timer | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #over = false;

  constructor(options: EventStreamOptions) {
    const { clock, random, limits, stopping, gone } = options;
    this.#options = options;
    const jitter = 1 + LIFE_JITTER * (2 * random.next() - 1);
    this.#endMs = clock.monotonicMs() + limits.lifeMs * jitter;
    this.#givenMs = clock.monotonicMs();
    stopping.addEventListener("abort", this.#interrupt);
    gone.addEventListener("abort", this.#leave);
    options.feed.heldBy(this);
    this.#watchForStall();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#givenMs = null;
    const text = await this.#next();
    if (this.#isOver()) return;
    this.#givenMs = this.#options.clock.monotonicMs();
    controller.enqueue(encoder.encode(text.text));
    if (text.last) {
      this.#finish();
      controller.close();
    }
  }

  cancel(): void {
    this.#finish();
  }

  stalledSinceMs(): number | null {
    return this.#givenMs;
  }

  cut(): void {
    this.#finish();
    this.#controller?.error(new Error("the reader stopped reading"));
  }

  /** What to send next; waits for it. */
  async #next(): Promise<{ text: string; last: boolean }> {
    const { feed, clock, limits, stopping, problem } = this.#options;
    if (this.#cursorSent === "")
      return { text: `retry: ${RETRY_MS}\n${this.#position()}\n`, last: false };
    try {
      const rest = await this.#take();
      if (rest) return rest;
      if (stopping.aborted) return this.#end("stopping");
      const leftMs = this.#endMs - clock.monotonicMs();
      if (leftMs <= 0) return this.#end("rotate");
      const waitMs = Math.min(limits.pingMs, leftMs);
      this.#pending = await feed.read(waitMs, limits.readBytesMax, this.#wake.signal);
      const found = await this.#take();
      if (found) return found;
      if (stopping.aborted) return this.#end("stopping");
      if (clock.monotonicMs() >= this.#endMs) return this.#end("rotate");
      return { text: `: ping\n${this.#position()}\n`, last: false };
    } catch (error) {
      const event = endEvent(feed.cursor(), "failed", problem(error));
      return { text: this.#write(event), last: true };
    }
  }

  /** Events that were found and not sent, up to a chunk of them; null when there are none. */
  async #take(): Promise<{ text: string; last: boolean } | null> {
    if (!this.#pending) return null;
    let text = "";
    while (text.length < this.#options.limits.chunkLengthMax) {
      const { value: event } = this.#pending.next();
      if (!event) {
        this.#pending = null;
        break;
      }
      if (event instanceof Promise) {
        await event;
        continue;
      }
      text += this.#write(event);
      if (event.type === "end") return { text, last: true };
    }
    return text === "" ? null : { text, last: false };
  }

  #end(reason: string): { text: string; last: boolean } {
    return { text: this.#write(endEvent(this.#options.feed.cursor(), reason)), last: true };
  }

  #write({ type, cursor, json }: TailEvent): string {
    this.#cursorSent = cursor;
    return `event: ${type}\nid: ${cursor}\ndata: ${json}\n\n`;
  }

  /** An `id` without an event, when the cursor has moved since the last one. */
  #position(): string {
    const cursor = this.#options.feed.cursor();
    if (cursor === this.#cursorSent) return "";
    this.#cursorSent = cursor;
    return `id: ${cursor}\n`;
  }

  #watchForStall(): void {
    const { clock, limits } = this.#options;
    this.#watch = clock.after(limits.stallMs / 2, () => {
      if (this.#over) return;
      const stalled =
        this.#givenMs !== null && clock.monotonicMs() - this.#givenMs >= limits.stallMs;
      if (!stalled) {
        this.#watchForStall();
        return;
      }
      this.cut();
    });
  }

  readonly #interrupt = (): void => this.#wake.abort();

  readonly #leave = (): void => {
    if (this.#over) return;
    this.#finish();
    this.#controller?.close();
  };

  #isOver(): boolean {
    return this.#over;
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const { feed, stopping, gone, over } = this.#options;
    this.#watch?.cancel();
    feed.close();
    stopping.removeEventListener("abort", this.#interrupt);
    gone.removeEventListener("abort", this.#leave);
    this.#wake.abort();
    over();
  }
}
