/**
 * What a coordinator's pure core gives its driver: the contract between `groups/groups.ts`, `transactions/core.ts` and
 * `coordinator.ts`.
 *
 * - A core is `step(state, input, env) -> Step`: no clock (time is `env.nowMs`), no randomness (new ids come in the input), no
 *   await, no I/O. State is never changed in place: `next` shares what stayed the same.
 * - The driver appends `records`, synced, and only then `next` becomes the state, `timers` are set, `replies` go out and
 *   `effects` are performed. When the append fails all four are dropped, as if the step had never been.
 * - The driver may step several inputs of one key before it appends, each on the state before it, so that they share a commit;
 *   they stand or fall together.
 * - Requests that wait (a join, a sync) keep their `Ticket` in the state; any later step may reply to it. Tickets do not
 *   survive a restart: who waits is told to ask again.
 * - Deadlines are not state: a step sets, moves or cancels named timers, and what they deliver is an input like any other.
 */
import type { Refusal } from "../lib/refusal.ts";

/** One record of an internal topic; a null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/**
 * A record whose bytes are made when they are asked for, once. For those of which a step may give thousands: the driver makes them
 * some at a time. Making them must not fail.
 */
export function lateRecord(make: () => CoordinatorRecord): CoordinatorRecord {
  let made: CoordinatorRecord | null = null;
  return {
    get key() {
      made ??= make();
      return made.key;
    },
    get value() {
      made ??= make();
      return made.value;
    },
  };
}

/** Which transaction a record belongs to. */
export interface Transaction {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The transaction coordinator's word, where these are its first records in this partition. */
  readonly guard?: object | null;
}

/** A record as it is met again while a shard is loaded. Its bytes are views: copy what is kept. */
export interface ReplayedRecord extends CoordinatorRecord {
  readonly offset: number;
  readonly timestampMs: number;
  /** The transaction whose marker decides about it; null outside of one. */
  readonly transaction: Transaction | null;
}

/** A request that waits for its answer. The number tells tickets of one driver apart. */
export interface Ticket<in Answer> {
  readonly number: number;
  settle(answer: Answer | Refusal): void;
}

/** An answer on its way to a ticket: delivered by the driver alone, once, after the step's records are synced. */
export interface Reply {
  readonly ticket: number;
  /** What is answered, for tests and traces. */
  readonly answer: unknown;
  deliver(): void;
}

export function reply<Answer>(ticket: Ticket<Answer>, answer: Answer | Refusal): Reply {
  return { ticket: ticket.number, answer, deliver: () => ticket.settle(answer) };
}

/** The same for whoever waits for whatever. */
export function refuse(ticket: Ticket<never>, why: Refusal): Reply {
  return reply(ticket, why);
}

/** Sets the key's timer of that name anew (it delivers `input` once), or cancels it. */
export type TimerChange<Input> =
  | { readonly name: string; readonly afterMs: number; readonly input: Input }
  | { readonly name: string; readonly afterMs: null };

export interface Step<State, Input, Effect = never> {
  /** Null: there is nothing left to know of this key. */
  readonly next: State | null;
  /** In order; appended as one unit. */
  readonly records: readonly CoordinatorRecord[];
  /** The records are part of this transaction: they get a batch of their own and count once its marker is written. */
  readonly transaction?: Transaction;
  readonly replies: readonly Reply[];
  readonly timers: readonly TimerChange<Input>[];
  /** What the outside does once the records stand (such as writing markers); what comes of it is posted as an input. */
  readonly effects: readonly Effect[];
}

/** What every step may look at beside state and input. */
export interface Env {
  /** Wall time. */
  readonly nowMs: number;
}

/** Nothing happens but this; for steps that change nothing but what they name. */
export function unchanged<State, Input, Effect = never>(
  state: State | null,
  change: Partial<Omit<Step<State, Input, Effect>, "next">> = {},
): Step<State, Input, Effect> {
  return { next: state, records: [], replies: [], timers: [], effects: [], ...change };
}

/** One kind of coordinator, as the driver runs it. Keys are group ids or transactional ids. */
export interface Core<State, Input, StepEnv extends Env = Env, Effect = never> {
  step(state: State | null, input: Input, env: StepEnv, key: string): Step<State, Input, Effect>;
  /** Whose record this is; null for one of a kind or version that this program does not know, which is skipped. */
  keyOf(record: CoordinatorRecord): string | null;
  /**
   * The state after this record; null: nothing is left. `state` may be changed in place here: nobody else sees it while a
   * shard is loaded. Records of an open transaction are kept aside until its marker.
   */
  replay(state: State | null, record: ReplayedRecord): State | null;
  /** A marker ended this producer's transaction: what was kept aside counts, or is forgotten. In place, as `replay`. */
  replayMarker(state: State, transaction: Transaction, committed: boolean): State | null;
  /** Stepped once for each key after it was loaded: sets its timers, takes up what was under way. */
  readonly loaded: Input;
  /** About how much memory a state takes; where a core does not say, only the number of keys is bounded. */
  bytesOf?(state: State): number;
  /** Why an input is not granted that would make states larger than they may be together; null: it is granted all the same. */
  noRoomFor?(input: Input): Refusal | null;
  /** Stepped after what an input wrote was larger than its topic takes, and was dropped; null: nothing is to be done. */
  tooLarge?(input: Input, why: Refusal): Input | null;
  /** Stepped for each key with records of a transaction whose marker has just been written. */
  marker(transaction: Transaction, committed: boolean): Input;
}
