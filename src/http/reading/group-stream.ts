/**
 * A group's records as one endless answer: joins, polls when the reader takes more, commits what it took before.
 *
 * - Pull by pull: a reader that stops costs one page, and its member's session ends with it. A page is made when there is
 *   room for it among all tails; until then the member is heard of, and given nothing.
 * - A second stream of one member takes over, and the first ends with `fenced_instance_id`.
 * - Left out: resuming by an event's id, since the group itself knows where it is.
 */
import { isFenced } from "../../broker/polling/refusals.ts";
import type { PollCommit, PollJoin } from "../../broker/polling/verbs.ts";
import type { Context } from "../../broker/verbs.ts";
import { randomUuid } from "../../lib/random.ts";
import { LongText } from "../answers/long-text.ts";
import type { Runs } from "../answers/reply.ts";
import type { PageTerms } from "./page.ts";
import { bytesRead, renderPages } from "./polled.ts";
import { asEvents, inLines, RecordsText } from "./records-text.ts";
import type { Holder } from "../../lib/room.ts";
import type { Door } from "../route.ts";
import { costOf, TailShare } from "../tail/share.ts";

/** Silence is broken this often, so that nobody on the way takes the stream for dead. */
const SILENCE_MS = 5_000;
/** Joins in a row without a record in between, before the stream ends. */
const JOINS_MAX = 3;

const encoder = new TextEncoder();

export interface GroupStreamOptions {
  readonly door: Door;
  readonly context: Context;
  readonly group: string;
  /** Null: one is made for this stream alone. */
  readonly member: string | null;
  readonly join: Omit<PollJoin, "incarnation">;
  readonly gone: AbortSignal;
  readonly isEvents: boolean;
  readonly terms: PageTerms;
  /** Puts an error into words for the reader. */
  readonly problem: (error: unknown) => unknown;
}

export interface GroupStream {
  readonly stream: ReadableStream<Uint8Array>;
  /** Topics that are not there, of those that were named. */
  readonly unknownTopics: readonly string[];
}

/** Joins, then gives the stream. @throws Refusal where it may not join. */
export async function groupStream(options: GroupStreamOptions): Promise<GroupStream> {
  const source = new GroupSource(options);
  const unknownTopics = await source.join();
  return { stream: new ReadableStream(source, { highWaterMark: 0 }), unknownTopics };
}

class GroupSource implements UnderlyingDefaultSource<Uint8Array>, Holder {
  readonly #options: GroupStreamOptions;
  readonly #memberId: string;
  readonly #incarnation: string;
  readonly #left = new AbortController();
  readonly #signal: AbortSignal;
  readonly #share: TailShare;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** When the reader was given what it has not followed by asking for more; null while it asks. */
  #givenMs: number | null = null;
  /** What a page would have taken for which there was no room. */
  #bytesRefused = 0;
  #epoch = 0;
  #polls = 0;
  #joins = 0;
  #next: readonly PollCommit[] = [];
  /** What is left of a page that is given in pieces. */
  #rest: Uint8Array[] = [];
  /** Topics that are not there, until the reader of events has heard of them. */
  #untold: readonly string[] = [];

  constructor(options: GroupStreamOptions) {
    this.#options = options;
    this.#memberId = options.member ?? `http-${randomUuid(options.door.random)}`;
    this.#incarnation = randomUuid(options.door.random);
    const { stopping, room } = options.door.tails;
    this.#share = new TailShare(room, options.door.clock);
    this.#share.heldBy(this);
    this.#signal = AbortSignal.any([options.gone, stopping, this.#left.signal]);
    this.#signal.addEventListener("abort", () => void this.#leave(), { once: true });
  }

  async join(): Promise<readonly string[]> {
    const { door, context, group } = this.#options;
    const join = { ...this.#options.join, incarnation: this.#incarnation };
    this.#joins += 1;
    const joined = await door.broker.polling.join(context, group, this.#memberId, join);
    this.#epoch = joined.memberEpoch;
    this.#next = [];
    this.#untold = joined.unknownTopics;
    // A reader that went before it joined, or meanwhile: the group was not told, or told too early.
    if (this.#signal.aborted) await this.#leave();
    return joined.unknownTopics;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  stalledSinceMs(): number | null {
    return this.#givenMs;
  }

  cut(): void {
    this.#left.abort();
    this.#controller?.error(new Error("the reader stopped reading"));
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const next = this.#rest.shift();
    if (next) {
      this.#givenMs = this.#options.door.clock.monotonicMs();
      return controller.enqueue(next);
    }
    this.#givenMs = null;
    this.#share.free();
    try {
      await this.#waitForRoom();
      const text = await this.#poll();
      if (!this.#signal.aborted) {
        this.#givenMs = this.#options.door.clock.monotonicMs();
        const [first, ...rest] = typeof text === "string" ? [encoder.encode(text)] : text.runs;
        this.#rest = rest;
        return first && controller.enqueue(first);
      }
    } catch (error) {
      const told = JSON.stringify({ error: this.#options.problem(error) });
      const { isEvents } = this.#options;
      const text = isEvents ? `event: error\ndata: ${told}\n\n` : `${told}\n`;
      if (!this.#signal.aborted) controller.enqueue(encoder.encode(text));
    }
    this.#left.abort();
    controller.close();
  }

  cancel(): void {
    this.#left.abort();
  }

  async #poll(): Promise<string | Runs> {
    const { door, context, group, terms, isEvents } = this.#options;
    const shape = isEvents ? asEvents : inLines;
    const told = JSON.stringify({ unknown_topics: this.#untold });
    const isNews = this.#untold.length > 0;
    this.#untold = [];
    // The header says it, too; runtimes send that with the first bytes of the answer.
    if (isNews) return isEvents ? `event: unknown_topics\ndata: ${told}\n\n` : "\n";
    try {
      const { memberEpoch, next, value } = await door.broker.polling.poll(
        context,
        group,
        this.#memberId,
        {
          memberEpoch: this.#epoch,
          incarnation: this.#incarnation,
          pollId: `s${(this.#polls += 1)}`,
          commit: this.#next,
          bytesMin: 1,
          bytesMax: terms.bytesMax,
          waitMs: SILENCE_MS,
          isolation: terms.isolation,
          signal: this.#signal,
        },
        async (reads) => {
          const bytes = bytesRead(reads);
          if (bytes === 0 || this.#share.hold(costOf(bytes)))
            return renderPages(terms, door.broker.traffic, shape)(reads);
          this.#bytesRefused = costOf(bytes);
          for (const { answer } of reads) answer.done?.();
          const given = reads.map(({ from }) => from);
          return { given, value: new RecordsText(new LongText(), shape) };
        },
      );
      this.#epoch = memberEpoch;
      this.#next = next;
      if (value.count === 0) return await this.#silence();
      this.#joins = 0;
      return value.text.finish();
    } catch (error) {
      if (!isFenced(error) || this.#joins >= JOINS_MAX) throw error;
      await this.join();
      return this.#silence();
    }
  }

  /** A reader that takes it at once has the next poll begin at once: others have their turn before, however soon that ends. */
  async #silence(): Promise<string> {
    await this.#options.door.clock.turn();
    return this.#options.isEvents ? ":\n\n" : "\n";
  }

  /** As long as the member may be silent. */
  async #waitForRoom(): Promise<void> {
    const bytes = this.#bytesRefused;
    this.#bytesRefused = 0;
    if (bytes > 0) await this.#share.wait(bytes, SILENCE_MS, this.#signal);
    else await this.#share.waitOn(SILENCE_MS, this.#signal);
  }

  /** What was taken last is not committed: nobody knows whether it was. A member with a name may come back to it. */
  async #leave(): Promise<void> {
    const { door, context, group, member } = this.#options;
    this.#share.close();
    if (member !== null) return;
    try {
      await door.broker.polling.leave(context, group, this.#memberId);
    } catch (error) {
      // Its session ends by itself.
      door.logger.debug("a stream's member could not leave its group", { group, error });
    }
  }
}
