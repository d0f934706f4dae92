/**
 * One shard: the keys of one partition of the internal topic, each with its mailbox, one turn of a key at a time.
 *
 * - A turn's records are appended and synced before anything of it can be seen. Keys do not wait for each other: what they
 *   append at the same time shares the partition's commit.
 * - However many keys are asked at once, what they do in one turn of the event loop is bounded (`loop-share.ts`).
 * - An append that failed without effect is as if its inputs had never come; callers hear coordinator_not_available, what
 *   nobody waits for (timers, posted inputs) is tried again. Of what is larger than the topic takes they hear state_too_large
 *   (Kafka's UNKNOWN_SERVER_ERROR), and the core says what becomes of the key. An append of unknown outcome makes the shard load anew.
 * - A load replays the partition in slices; until it is done everybody hears coordinator_load_in_progress. What bounds it is
 *   the topic's compaction: the last record of each key, and what has been appended since it last ran.
 */
import { assert } from "../lib/assert.ts";
import type { Sequence } from "../lib/async.ts";
import type { Clock } from "../lib/clock.ts";
import type { Deadlines } from "../lib/deadlines.ts";
import type { Logger } from "../lib/logger.ts";
import { Refusal } from "../lib/refusal.ts";
import type { Partition } from "../log/partition.ts";
import type { CoordinatorLimits } from "./limits.ts";
import type { LoopShare } from "./loop-share.ts";
import { Mailbox, type Posted } from "./mailbox.ts";
import {
  appendRecords,
  isAppendFailure,
  isDamage,
  isOutcomeUnknown,
  type Replayed,
  replayLog,
} from "./shard-log.ts";
import type { Core, Env, Transaction } from "./step.ts";
import { takeTurn, type Turn } from "./turn.ts";

export interface ShardOptions<State, Input, StepEnv extends Env, Effect> {
  readonly log: Partition;
  readonly core: Core<State, Input, StepEnv, Effect>;
  readonly env: () => StepEnv;
  readonly perform: (key: string, effect: Effect) => void;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  readonly limits: CoordinatorLimits;
  /** What the keys of all shards may do in one turn of the event loop. */
  readonly share: LoopShare;
  /** Shards load one at a time. */
  readonly loads: Sequence;
  /** Keys of all shards together, which is bounded. */
  readonly keys: { count: number; bytes: number };
  /** Refuses every request that still waits for this shard: its state is gone. */
  readonly refuseWaiting: () => void;
}

export class Shard<State, Input, StepEnv extends Env, Effect> {
  readonly #options: ShardOptions<State, Input, StepEnv, Effect>;
  readonly #mailboxes = new Map<string, Mailbox<State, Input>>();
  /** Which keys have records of which producer's open transaction. */
  readonly #open = new Map<bigint, Set<string>>();
  #status: "loading" | "ready" | "closed" = "loading";
  /** Appends under way: a load waits for them. */
  #appending = 0;
  #appendsDone: (() => void) | null = null;

  /** Begins to load at once; an empty log has nothing to load. */
  constructor(options: ShardOptions<State, Input, StepEnv, Effect>) {
    this.#options = options;
    const { log } = options;
    if (log.highWatermark === log.logStart && !log.mustRecover) this.#status = "ready";
    else this.#beginLoad();
  }

  /** The key's state as committed. @throws Refusal while the shard loads. */
  state(key: string): State | null {
    this.#checkReady();
    return this.#mailboxes.get(key)?.state ?? null;
  }

  /** Every key with a state. @throws Refusal while the shard loads. */
  *states(): Iterable<readonly [string, State]> {
    this.#checkReady();
    for (const { key, state } of this.#mailboxes.values()) if (state !== null) yield [key, state];
  }

  /** Puts an input into the key's mailbox. @throws Refusal when there is no room, or the shard is not ready. */
  post(key: string, input: Input, fail: Posted<Input>["fail"]): void {
    this.#checkReady();
    const { limits, keys } = this.#options;
    const known = this.#mailboxes.get(key);
    if (!known && keys.count >= limits.keysMax) throw full("groups and transactional ids");
    if ((known?.queue.length ?? 0) >= limits.mailboxMax) throw full("requests for one of them");
    this.#deliver(known ?? this.#newMailbox(key), { input, timer: null, fail });
  }

  /** Lets `append` write a transaction's marker to this partition, then tells every key with records of it. */
  async end(
    transaction: Transaction,
    committed: boolean,
    append: () => Promise<unknown>,
  ): Promise<void> {
    this.#checkReady();
    await this.#whileAppending(append);
    // A shard that has begun to load meanwhile meets the marker in its log.
    if (this.#status === "ready") this.#ended(transaction, committed);
  }

  #ended(transaction: Transaction, committed: boolean): void {
    const keys = this.#open.get(transaction.producerId) ?? [];
    this.#open.delete(transaction.producerId);
    for (const key of keys) {
      const input = this.#options.core.marker(transaction, committed);
      const mailbox = this.#mailboxes.get(key);
      if (mailbox) this.#deliver(mailbox, { input, timer: null, fail: null });
    }
  }

  close(): void {
    this.#status = "closed";
    this.#forget();
  }

  #checkReady(): void {
    if (this.#status === "ready") return;
    if (this.#status === "closed") throw notAvailable("The node is stopping.");
    throw new Refusal(
      "coordinator_load_in_progress",
      "The coordinator is reading its log; ask again in a moment.",
    );
  }

  #newMailbox(key: string): Mailbox<State, Input> {
    const { deadlines, keys } = this.#options;
    const mailbox = new Mailbox<State, Input>(key, deadlines, (own, posted) =>
      this.#deliver(own, posted),
    );
    this.#mailboxes.set(key, mailbox);
    keys.count += 1;
    return mailbox;
  }

  #deliver(mailbox: Mailbox<State, Input>, posted: Posted<Input>): void {
    mailbox.queue.push(posted);
    if (!mailbox.busy) this.#run(mailbox);
  }

  #run(mailbox: Mailbox<State, Input>): void {
    const { core, env, limits, clock, keys, share } = this.#options;
    mailbox.busy = true;
    while (mailbox.queue.length > 0 && this.#status === "ready") {
      if (!share.mayGoOn(() => this.#run(mailbox))) return;
      const bytesMax = mailbox.bytes + Math.max(0, limits.stateBytesMax - keys.bytes);
      const bounds = { bytesMax, untilMs: share.untilMs };
      const turn = takeTurn(mailbox, core, env(), limits, clock, bounds);
      if (turn.records.length > 0) {
        void this.#append(mailbox, turn);
        return;
      }
      this.#commit(mailbox, turn);
    }
    mailbox.busy = false;
    this.#drop(mailbox);
  }

  async #append(mailbox: Mailbox<State, Input>, turn: Turn<State, Input, Effect>): Promise<void> {
    const { limits, log, logger, clock } = this.#options;
    if (turn.transaction) this.#opened(turn.transaction, mailbox.key);
    try {
      const { records, transaction } = turn;
      await this.#whileAppending(() => appendRecords(log, records, transaction, clock));
      this.#commit(mailbox, turn);
    } catch (error) {
      if (!isAppendFailure(error)) throw error;
      logger.warn("a coordinator could not write its records", { key: mailbox.key, error });
      if (isOutcomeUnknown(error) && this.#status === "ready") this.#beginLoad();
      const tooLarge = tooLargeOf(error);
      // What the log has against a transaction's producer is the producer's to know.
      const why = tooLarge ?? (turn.transaction && error instanceof Refusal ? error : null);
      this.#fail(mailbox, turn.posted, why);
      if (tooLarge) this.#afterTooLarge(mailbox, turn.posted, tooLarge);
      for (const timer of turn.overtaken) mailbox.again(timer, limits.retryMs);
    }
    this.#run(mailbox);
  }

  /** A load waits for what is being appended, and for what then becomes of it. */
  async #whileAppending(append: () => Promise<unknown>): Promise<void> {
    this.#appending += 1;
    try {
      await append();
    } finally {
      this.#appending -= 1;
      if (this.#appending === 0) this.#appendsDone?.();
    }
  }

  #commit(mailbox: Mailbox<State, Input>, turn: Turn<State, Input, Effect>): void {
    // A shard that is loading meets the records in the log; who waited for them is answered all the same.
    if (this.#status === "ready") {
      if (mailbox.state !== turn.next) {
        mailbox.state = turn.next;
        this.#weigh(mailbox);
      }
      for (const { timer } of turn.posted) if (timer) mailbox.spent(timer);
      for (const change of turn.timers) mailbox.change(change);
    }
    this.#options.share.deliver(turn.replies);
    if (this.#status !== "ready") return;
    for (const effect of turn.effects) this.#options.perform(mailbox.key, effect);
  }

  #weigh(mailbox: Mailbox<State, Input>): void {
    const { core, keys } = this.#options;
    const bytes = mailbox.state === null ? 0 : (core.bytesOf?.(mailbox.state) ?? 0);
    keys.bytes += bytes - mailbox.bytes;
    mailbox.bytes = bytes;
  }

  /** The inputs have had no effect: callers are told, the others come again. */
  #fail(mailbox: Mailbox<State, Input>, all: readonly Posted<Input>[], why: Refusal | null): void {
    const { clock, limits } = this.#options;
    for (const posted of all) {
      if (posted.timer) mailbox.again(posted.timer, limits.retryMs);
      else if (posted.fail) posted.fail(why);
      else {
        clock.after(limits.retryMs, () => {
          if (this.#mailboxes.get(mailbox.key) === mailbox) this.#deliver(mailbox, posted);
        });
      }
    }
  }

  #afterTooLarge(
    mailbox: Mailbox<State, Input>,
    all: readonly Posted<Input>[],
    why: Refusal,
  ): void {
    const { core } = this.#options;
    for (const posted of all) {
      const input = posted.fail ? core.tooLarge?.(posted.input, why) : null;
      if (input) this.#deliver(mailbox, { input, timer: null, fail: null });
    }
  }

  #opened({ producerId }: Transaction, key: string): void {
    const keys = this.#open.get(producerId);
    if (keys) keys.add(key);
    else this.#open.set(producerId, new Set([key]));
  }

  /** Empties memory: nothing of it is ever seen again. */
  #forget(): void {
    const { keys, refuseWaiting } = this.#options;
    for (const mailbox of this.#mailboxes.values()) {
      mailbox.stopTimers();
      mailbox.queue = [];
      keys.bytes -= mailbox.bytes;
    }
    keys.count -= this.#mailboxes.size;
    this.#mailboxes.clear();
    this.#open.clear();
    refuseWaiting();
  }

  #beginLoad(): void {
    this.#status = "loading";
    void this.#options.loads.run(() => this.#load());
  }

  async #load(): Promise<void> {
    const { clock, limits, logger, core } = this.#options;
    if (this.#status !== "loading") return;
    if (this.#appending > 0) {
      await new Promise<void>((resolve) => {
        this.#appendsDone = resolve;
      });
      this.#appendsDone = null;
      await clock.turn(); // Who appended hears of it first.
    }
    this.#forget();
    try {
      await this.#replay();
    } catch (error) {
      if (!isAppendFailure(error)) throw error;
      if (this.#status !== "loading") return; // Closed: what it read from may be, too.
      const waitMs = isDamage(error) ? limits.damagedRetryMs : limits.retryMs;
      logger.warn("a coordinator could not read its log; trying again", { waitMs, error });
      clock.after(waitMs, () => {
        if (this.#status === "loading") this.#beginLoad();
      });
      return;
    }
    if (this.#status !== "loading") return;
    this.#status = "ready";
    for (const mailbox of this.#mailboxes.values()) {
      this.#deliver(mailbox, { input: core.loaded, timer: null, fail: null });
    }
  }

  async #replay(): Promise<void> {
    const { log, clock, limits, logger } = this.#options;
    let untilMs = clock.monotonicMs() + limits.sliceMs;
    for await (const piece of replayLog(log, limits.loadBytes, logger)) {
      for (const replayed of piece) {
        if (this.#status !== "loading") return;
        this.#take(replayed);
        if (clock.monotonicMs() <= untilMs) continue;
        await clock.turn();
        untilMs = clock.monotonicMs() + limits.sliceMs;
      }
    }
    for (const mailbox of this.#mailboxes.values()) {
      if (this.#status !== "loading") return;
      this.#weigh(mailbox);
      if (clock.monotonicMs() <= untilMs) continue;
      await clock.turn();
      untilMs = clock.monotonicMs() + limits.sliceMs;
    }
    assert(this.#appending === 0, "nothing is appended while a shard is loaded");
  }

  #take(replayed: Replayed): void {
    const { core } = this.#options;
    if (replayed.type === "record") {
      const key = core.keyOf(replayed.record);
      if (key === null) return;
      const mailbox = this.#mailboxes.get(key) ?? this.#newMailbox(key);
      mailbox.state = core.replay(mailbox.state, replayed.record);
      if (replayed.record.transaction) this.#opened(replayed.record.transaction, key);
      this.#drop(mailbox);
      return;
    }
    const { transaction, committed } = replayed;
    const keys = this.#open.get(transaction.producerId) ?? [];
    this.#open.delete(transaction.producerId);
    for (const key of keys) {
      const mailbox = this.#mailboxes.get(key);
      if (!mailbox || mailbox.state === null) continue;
      mailbox.state = core.replayMarker(mailbox.state, transaction, committed);
      this.#drop(mailbox);
    }
  }

  /** Forgets a key of which there is nothing left to know. */
  #drop(mailbox: Mailbox<State, Input>): void {
    if (!mailbox.idle || this.#mailboxes.get(mailbox.key) !== mailbox) return;
    this.#mailboxes.delete(mailbox.key);
    this.#options.keys.count -= 1;
  }
}

/** Null where the records failed for another reason than their size. */
function tooLargeOf(error: unknown): Refusal | null {
  if (!(error instanceof Refusal) || error.code !== "message_too_large") return null;
  return new Refusal(
    "state_too_large",
    `What would have to be kept is more than the coordinator's topic takes; ask for less. ${error.message}`,
    error.facts,
  );
}

function full(what: string): Refusal {
  return notAvailable(`This node keeps as many ${what} as it may; try again later.`);
}

export function notAvailable(detail: string): Refusal {
  return new Refusal("coordinator_not_available", detail);
}
