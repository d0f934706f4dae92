/**
 * Many deadlines on one timer: what 10,000 parked requests would otherwise each set for themselves.
 *
 * - Adding and removing cost the same however many there are; nothing is left behind by what was removed.
 * - Deadlines are rounded up to a step of 10 ms: none fires early, and those of one step fire together.
 * - After the process stood still (stopped, or the machine asleep) what has arrived meanwhile is read before anything expires:
 *   a heartbeat that waits in its socket was in time.
 */
import type { Clock, Timer } from "./clock.ts";

/** Something that ends by itself at a time; `expire` is called once, at or shortly after it. */
export interface Expiring {
  expire(): void;
}

const STEP_MS = 10;
/** A timer that fires so late says that the process stood still. */
const STOOD_STILL_MS = 1_000;
/** Turns of the event loop in which what has arrived is read. */
const READING_TURNS = 3;

export class Deadlines {
  readonly #clock: Clock;
  readonly #steps = new Map<number, Set<Expiring>>();
  readonly #stepOf = new Map<Expiring, number>();
  #timer: Timer | null = null;
  #timerStep = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many deadlines are pending. */
  get size(): number {
    return this.#stepOf.size;
  }

  /** Lets `item` expire `delayMs` from now; the same item again moves its deadline. */
  add(item: Expiring, delayMs: number): void {
    this.remove(item);
    const step = Math.ceil((this.#clock.monotonicMs() + Math.max(0, delayMs)) / STEP_MS);
    const items = this.#steps.get(step);
    if (items) items.add(item);
    else this.#steps.set(step, new Set([item]));
    this.#stepOf.set(item, step);
    if (step < this.#timerStep) this.#setTimer(step);
  }

  /** Forgets `item`; one that expired or was never added is fine. */
  remove(item: Expiring): void {
    const step = this.#stepOf.get(item);
    if (step === undefined) return;
    this.#stepOf.delete(item);
    const items = this.#steps.get(step);
    items?.delete(item);
    if (items?.size === 0) this.#steps.delete(step);
  }

  #setTimer(step: number): void {
    this.#timer?.cancel();
    this.#timerStep = step;
    const delayMs = Math.max(0, step * STEP_MS - this.#clock.monotonicMs());
    this.#timer = this.#clock.after(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = null;
    const lateMs = this.#clock.monotonicMs() - this.#timerStep * STEP_MS;
    if (lateMs < STOOD_STILL_MS) this.#expireDue();
    else void this.#readFirst();
  }

  async #readFirst(): Promise<void> {
    this.#timerStep = -Infinity; // No other timer meanwhile.
    for (let turn = 0; turn < READING_TURNS; turn += 1) await this.#clock.turn();
    this.#expireDue();
  }

  #expireDue(): void {
    this.#timerStep = Infinity;
    const nowMs = this.#clock.monotonicMs();
    const due = [...this.#steps.keys()].filter((step) => step * STEP_MS <= nowMs);
    for (const step of due.toSorted((a, b) => a - b)) this.#expireStep(step);
    let next = Infinity;
    for (const step of this.#steps.keys()) if (step < next) next = step;
    if (next < this.#timerStep) this.#setTimer(next);
  }

  #expireStep(step: number): void {
    const items = this.#steps.get(step);
    if (!items) return;
    this.#steps.delete(step);
    for (const item of items) {
      this.#stepOf.delete(item);
      item.expire();
    }
  }
}
