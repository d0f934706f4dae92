/**
 * One key of a shard: its state, the inputs that wait for it, its timers.
 */
import type { Deadlines, Expiring } from "../lib/deadlines.ts";
import type { Refusal } from "../lib/refusal.ts";
import type { TimerChange } from "./step.ts";

/** An input on its way to a step. */
export interface Posted<Input> {
  readonly input: Input;
  /** The timer that delivered it; it counts only as long as that timer has not been moved. */
  readonly timer: KeyTimer<Input> | null;
  /** Tells whoever waits that the input has failed without effect, and why; null: nobody waits, it is tried again. */
  readonly fail: ((why: Refusal | null) => void) | null;
}

export class KeyTimer<Input> implements Expiring {
  readonly name: string;
  readonly input: Input;
  readonly #fired: (timer: KeyTimer<Input>) => void;

  constructor(name: string, input: Input, fired: (timer: KeyTimer<Input>) => void) {
    this.name = name;
    this.input = input;
    this.#fired = fired;
  }

  expire(): void {
    this.#fired(this);
  }
}

export class Mailbox<State, Input> {
  readonly key: string;
  state: State | null = null;
  /** About what the state takes, as last counted. */
  bytes = 0;
  queue: Posted<Input>[] = [];
  /** True while a turn is under way: one at a time. */
  busy = false;
  readonly #timers = new Map<string, KeyTimer<Input>>();
  readonly #deadlines: Deadlines;
  readonly #deliver: (mailbox: Mailbox<State, Input>, posted: Posted<Input>) => void;

  constructor(
    key: string,
    deadlines: Deadlines,
    deliver: (mailbox: Mailbox<State, Input>, posted: Posted<Input>) => void,
  ) {
    this.key = key;
    this.#deadlines = deadlines;
    this.#deliver = deliver;
  }

  /** Nothing is known of the key and nothing will come by itself. */
  get idle(): boolean {
    return this.state === null && !this.busy && this.queue.length === 0 && this.#timers.size === 0;
  }

  isCurrent(timer: KeyTimer<Input>): boolean {
    return this.#timers.get(timer.name) === timer;
  }

  /** A timer whose input has been stepped is over; unless the step has set it anew. */
  spent(timer: KeyTimer<Input>): void {
    if (this.isCurrent(timer)) this.#timers.delete(timer.name);
  }

  change(change: TimerChange<Input>): void {
    const before = this.#timers.get(change.name);
    if (before) this.#deadlines.remove(before);
    if (change.afterMs === null) {
      this.#timers.delete(change.name);
      return;
    }
    const timer = new KeyTimer(change.name, change.input, (fired) =>
      this.#deliver(this, { input: fired.input, timer: fired, fail: null }),
    );
    this.#timers.set(change.name, timer);
    this.#deadlines.add(timer, change.afterMs);
  }

  /** Lets a timer fire once more: what it delivered has failed. */
  again(timer: KeyTimer<Input>, afterMs: number): void {
    if (this.isCurrent(timer)) this.#deadlines.add(timer, afterMs);
  }

  stopTimers(): void {
    for (const timer of this.#timers.values()) this.#deadlines.remove(timer);
    this.#timers.clear();
  }
}
