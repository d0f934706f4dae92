/**
 * One reader of many partitions: hands out what is new in them, and tells where it stands.
 *
 * - One read waits for all partitions at once; nothing is polled. Topics are looked at again before each read, so what
 *   was deleted, made anew or given more partitions is noticed when a wait ends, within seconds.
 * - Each read begins at another partition, so that a busy one cannot starve its neighbours.
 */
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Context, Isolation, ReadAnswer } from "../../broker/verbs.ts";
import { type Hides, hiddenBy } from "../../broker/visibility.ts";
import { refusalKinds } from "../../broker/errors.ts";
import { endOf } from "../../records/batch-read.ts";
import { type CursorTopic, CursorText, hashName } from "./cursor.ts";
import {
  checkSize,
  countPartitions,
  find,
  type FollowedTopic,
  type Gap,
  type GapReason,
  openTopics,
  type Selection,
  type Slot,
  type TailBroker,
} from "./followed.ts";

/** A run of whole batches of one partition; records below `from` were seen before. */
export interface Run {
  readonly type: "run";
  readonly topic: FollowedTopic;
  readonly slot: Slot;
  readonly bytes: Uint8Array;
  /** The batches that are to be passed over. */
  readonly isHidden: Hides;
  readonly from: number;
  /** The offset after the last batch. */
  readonly end: number;
  /** As that of the read that gave it, with its last run. */
  readonly done?: () => void;
}

/** Nothing more will come: every topic is gone. */
export interface Gone {
  readonly type: "gone";
}

export type Found = Run | Gap | Gone;

export interface FollowOptions {
  readonly broker: TailBroker;
  readonly context: Context;
  readonly clock: Clock;
  readonly isolation: Isolation;
  readonly selections: readonly Selection[];
  readonly firstOffset: (topic: string, partition: number) => Promise<number>;
  /** Null: nothing to go on from. */
  readonly cursor: readonly CursorTopic[] | null;
}

/** After a partition refused for now (no leader, not yet open): how long until it is asked again. */
const RETRY_MS = 200;

export class Follower {
  readonly #options: FollowOptions;
  readonly #topics: FollowedTopic[];
  #live: { topic: FollowedTopic; slot: Slot }[] = [];
  #cursor: CursorText;
  #turn = 0;
  /** Topics whose loss was told. */
  readonly #told = new Set<FollowedTopic>();

  /** Throws as `openTopics` does. */
  static async open(options: FollowOptions): Promise<Follower> {
    return new Follower(options, await openTopics(options));
  }

  private constructor(options: FollowOptions, topics: FollowedTopic[]) {
    this.#options = options;
    this.#topics = topics;
    this.#cursor = this.#arrange();
  }

  /** Where the reader stands, as far as `moveTo` said. */
  cursor(): string {
    return this.#cursor.toString();
  }

  /** The reader was given all of the slot's records below `next`; gives its cursor after that. */
  moveTo(slot: Slot, next: number): string {
    slot.taken = next;
    return this.#cursor.move(slot.index, next);
  }

  /** What was found in logs and not moved past is found again by the next read. */
  giveBack(): void {
    for (const { slot } of this.#live) slot.next = slot.taken;
  }

  /**
   * What is new: at most about `bytesMax` of log, but at least one batch; empty when nothing came within `waitMs`. What it
   * gives will not be given again, so the caller delivers it all, or calls `giveBack`.
   */
  async next(waitMs: number, bytesMax: number, signal: AbortSignal): Promise<Found[]> {
    const { broker, context, isolation } = this.#options;
    const changes = this.#look();
    if (changes.length > 0) return changes;
    if (this.#live.length === 0) return [{ type: "gone" }];
    this.#turn = (this.#turn + 1) % this.#live.length;
    const live = [...this.#live.slice(this.#turn), ...this.#live.slice(0, this.#turn)];
    const requests = live.map(({ topic, slot }) => ({
      topic: topic.name,
      partition: slot.partition,
      from: slot.next,
      bytesMax,
    }));
    const options = { bytesMin: 1, bytesMax, waitMs, isolation, signal };
    const answers = await broker.read(context, requests, options);
    const found: Found[] = [];
    let refused = false;
    for (const [at, answer] of answers.entries()) {
      const place = live[at];
      assert(place, "a read gives one answer for each request");
      refused = this.#take(place.topic, place.slot, answer, found) || refused;
    }
    if (!refused || found.length > 0) return found;
    const gaps = this.#look();
    if (gaps.length === 0) await this.#pause(Math.min(RETRY_MS, waitMs), signal);
    return gaps;
  }

  /** Adds what one partition answered; true when it refused for now. */
  #take(topic: FollowedTopic, slot: Slot, answer: ReadAnswer, found: Found[]): boolean {
    if (answer.refusal) return this.#refused(topic, slot, answer, found);
    if (answer.topicId !== topic.id) return true; // Made anew just now: the next look tells.
    const isHidden = hiddenBy(answer.aborted);
    const { batches, done } = answer;
    for (const [at, bytes] of batches.entries()) {
      const end = endOf(bytes);
      assert(end > slot.next, "a read gives batches that reach past where it began");
      const run: Run = { type: "run", topic, slot, bytes, isHidden, from: slot.next, end };
      found.push(done && at === batches.length - 1 ? { ...run, done } : run);
      slot.next = end;
    }
    if (answer.batches.length === 0 && answer.from > slot.next) {
      slot.next = answer.from; // A hole at the end of the log.
      this.moveTo(slot, slot.next);
    }
    return false;
  }

  #refused(topic: FollowedTopic, slot: Slot, answer: ReadAnswer, found: Found[]): boolean {
    const { refusal, logStart, highWatermark } = answer;
    const trimmed = refusal?.code === "offset_trimmed";
    const lost = refusal?.code === "offset_out_of_range";
    if (trimmed || lost) {
      const to = trimmed ? logStart : highWatermark;
      found.push(gap(topic, slot, to, trimmed ? "trimmed" : "lost"));
      slot.next = to;
      return false;
    }
    const unknown = refusal?.code === "unknown_topic_or_partition"; // Not open yet, or gone: the next look tells.
    if (refusal && !unknown && !refusalKinds[refusal.code].retryable) throw refusal;
    return true;
  }

  /** Looks whether the topics are still what they were; gives the gaps that this tells of. */
  #look(): Gap[] {
    const { broker, context } = this.#options;
    const gaps: Gap[] = [];
    for (const topic of this.#topics) {
      const count = topic.gone ? null : countPartitions(broker, context, topic.id);
      if (count === null) gaps.push(...this.#lookForNew(topic));
      else if (topic.whole && count > topic.slots.length) this.#grow(topic, count);
    }
    return gaps;
  }

  #grow(topic: FollowedTopic, count: number): void {
    for (let partition = topic.slots.length; partition < count; partition++)
      topic.slots.push({ partition, next: 0, taken: 0, index: 0 });
    checkSize(this.#topics);
    this.#cursor = this.#arrange();
  }

  /** The topic is gone: tells so once, or goes on with the one that has taken its name. */
  #lookForNew(topic: FollowedTopic): Gap[] {
    const { broker, context } = this.#options;
    const anew = find(broker, context, topic.name);
    const kept = topic.slots.filter(({ partition }) => partition < (anew?.partitions ?? 0));
    if (!anew || (kept.length === 0 && !topic.whole)) {
      topic.gone = true;
      this.#cursor = this.#arrange();
      if (this.#told.has(topic)) return [];
      this.#told.add(topic);
      return topic.slots.map((slot) => gap(topic, slot, null, "deleted"));
    }
    topic.id = anew.id;
    topic.gone = false;
    this.#told.delete(topic);
    const gaps = kept.map((slot) => gap(topic, slot, 0, "recreated"));
    topic.slots = kept.map(({ partition }) => ({ partition, next: 0, taken: 0, index: 0 }));
    if (topic.whole) this.#grow(topic, anew.partitions);
    this.#cursor = this.#arrange();
    return gaps;
  }

  /** Gives every slot its place in the cursor, and the cursor itself. */
  #arrange(): CursorText {
    let index = 0;
    for (const topic of this.#topics) for (const slot of topic.slots) slot.index = index++;
    this.#live = this.#topics
      .filter(({ gone }) => !gone)
      .flatMap((topic) => topic.slots.map((slot) => ({ topic, slot })));
    const topics = this.#topics.map(({ name, id, whole, slots }) => ({
      id,
      nameHash: hashName(name),
      whole,
      places: slots.map(({ partition, next }) => ({ partition, next })),
    }));
    return new CursorText(topics);
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#options.clock.after(delayMs, done);
      signal.addEventListener("abort", done);
    });
  }
}

function gap(topic: FollowedTopic, slot: Slot, to: number | null, reason: GapReason): Gap {
  const { name, id } = topic;
  const { partition, next: from } = slot;
  return { type: "gap", topic: name, topicId: id, slot, partition, from, to, reason };
}
