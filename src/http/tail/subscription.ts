/**
 * One subscription of a WebSocket: a feed, and the reader's credit for records it is ready to take.
 *
 * - The log is read only while there is credit and the socket has little unread, so a reader that stops costs one read's
 *   worth of records; where others wait for that room it is given back, and read again when the reader is ready.
 * - Its id is free again when it ended or was given up.
 */
import type { Holder } from "../../lib/room.ts";
import type { Feed, TailEvent, TailEvents } from "./feed.ts";
import { endEvent } from "./feed.ts";

export interface SubscriptionOptions {
  readonly open: () => Promise<Feed>;
  readonly credit: number;
  readonly creditMax: number;
  readonly waitMs: number;
  readonly bytesMax: number;
  /** Lets others have their turn. */
  readonly turn: () => Promise<void>;
  readonly nowMs: () => number;
  /** Whether the socket takes more just now. */
  readonly clear: () => boolean;
  readonly opened: (cursor: string) => void;
  readonly send: (event: TailEvent) => void;
  /** The reader moved past records that its filter left out. */
  readonly moved: (cursor: string) => void;
  readonly problem: (error: unknown) => unknown;
  readonly refused: (error: unknown) => void;
  readonly over: () => void;
}

export class Subscription implements Holder {
  /** Resolves when it is open, or was refused. */
  readonly opened: Promise<void>;
  /** Resolves when it has ended: nothing is read or sent any more. */
  readonly over: Promise<void>;
  readonly #options: SubscriptionOptions;
  readonly #given = new AbortController();
  #credit: number;
  #wake: (() => void) | null = null;
  #endReason: string | null = null;
  #cursorSent = "";
  #events: TailEvents | null = null;
  /** Since when it waits for its reader to be ready; null while it is. */
  #idleSinceMs: number | null = null;
  #feed: Feed | null = null;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#credit = options.credit;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.opened = promise;
    this.over = this.#run(resolve);
  }

  /** More records that the reader is ready for. */
  allow(records: number): void {
    this.#credit = Math.min(this.#credit + records, this.#options.creditMax);
    this.resume();
  }

  /** The socket takes more again. */
  resume(): void {
    this.#wake?.();
    this.#wake = null;
  }

  stalledSinceMs(): number | null {
    return this.#idleSinceMs;
  }

  /** The reader is not ready, and others need the room. */
  cut(): void {
    this.#events = null;
    this.#feed?.giveBack();
  }

  /** Ends it; with a reason the reader is told so. */
  end(reason: string | null): void {
    this.#endReason = reason;
    this.#given.abort();
    this.resume();
  }

  async #run(settleOpened: () => void): Promise<void> {
    const { open, opened, refused, over } = this.#options;
    let feed: Feed | null = null;
    try {
      feed = await open();
      this.#feed = feed;
      feed.heldBy(this);
      this.#cursorSent = feed.cursor();
      if (!this.#given.signal.aborted) opened(this.#cursorSent);
      settleOpened();
      await this.#follow(feed);
      if (this.#endReason !== null) this.#send(endEvent(feed.cursor(), this.#endReason));
    } catch (error) {
      if (!feed) refused(error);
      else this.#send(endEvent(feed.cursor(), "failed", this.#options.problem(error)));
    }
    feed?.close();
    over();
    settleOpened();
  }

  async #follow(feed: Feed): Promise<void> {
    const { waitMs, bytesMax, moved, turn } = this.#options;
    const { signal } = this.#given;
    let given = false;
    while (!signal.aborted) {
      if (!this.#ready()) {
        await this.#untilReady();
        continue;
      }
      this.#events ??= await feed.read(waitMs, bytesMax, signal);
      if (signal.aborted) return; // What was found meanwhile is not given, so the cursor stays before it.
      const { value: event } = this.#events.next();
      if (event instanceof Promise) {
        await event;
        continue;
      }
      if (event) {
        this.#send(event);
        if (event.type === "end") return;
        given = true;
        continue;
      }
      this.#events = null;
      feed.free(); // What the reader has not taken is counted by its socket.
      if (given) await turn();
      given = false;
      const cursor = feed.cursor();
      if (cursor !== this.#cursorSent) moved(cursor);
      this.#cursorSent = cursor;
    }
  }

  #ready(): boolean {
    return this.#credit > 0 && this.#options.clear();
  }

  async #untilReady(): Promise<void> {
    this.#idleSinceMs = this.#options.nowMs();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#idleSinceMs = null;
  }

  #send(event: TailEvent): void {
    this.#credit -= event.records;
    this.#cursorSent = event.cursor;
    this.#options.send(event);
  }
}
