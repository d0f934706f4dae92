/**
 * One time limit for many requests with one timer: since all have the same limit, the oldest ends first, and a request
 * costs an insertion and a removal.
 */
import type { Clock } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";

interface Waiting {
  readonly endMs: number;
  readonly fail: (error: Refusal) => void;
}

/** How late a deadline may be noticed. */
const TICK_MS = 1_000;

export class TimeLimit {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #waiting = new Set<Waiting>();
  #ticking = false;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** The promise's outcome, or request_timed_out if it takes longer than the limit. */
  bound<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { endMs: this.#clock.monotonicMs() + this.#limitMs, fail: reject };
      this.#waiting.add(waiting);
      if (!this.#ticking) this.#clock.after(TICK_MS, this.#tick);
      this.#ticking = true;
      work.then(
        (value) => {
          this.#waiting.delete(waiting);
          resolve(value);
        },
        (error: unknown) => {
          this.#waiting.delete(waiting);
          reject(error);
        },
      );
    });
  }

  readonly #tick = (): void => {
    const nowMs = this.#clock.monotonicMs();
    for (const waiting of this.#waiting) {
      if (waiting.endMs > nowMs) break;
      this.#waiting.delete(waiting);
      const seconds = Math.round(this.#limitMs / 1_000);
      waiting.fail(
        new Refusal(
          "request_timed_out",
          `Not done after ${seconds} s; it may still be carried out.`,
        ),
      );
    }
    this.#ticking = this.#waiting.size > 0;
    if (this.#ticking) this.#clock.after(TICK_MS, this.#tick);
  };
}
