/**
 * Time that a test moves: timers fire in order of time, then of age; a turn comes when everything before it has run.
 */
import type { Clock, Timer } from "../../src/lib/clock.ts";

interface PendingTimer {
  readonly atMs: number;
  readonly fire: () => void;
}

export class VirtualClock implements Clock {
  #nowMs: number;
  #timers: PendingTimer[] = [];
  #turns: (() => void)[] = [];

  constructor(nowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, fire };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.#turns.push(resolve));
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Runs everything that can run without time passing. */
  async settle(): Promise<void> {
    for (;;) {
      await microtasks();
      const turns = this.#turns;
      if (turns.length === 0) return;
      this.#turns = [];
      for (const resolve of turns) resolve();
    }
  }

  /** Runs what waits for the next turn, and what follows from it in that turn. */
  async nextTurn(): Promise<void> {
    await microtasks();
    for (const resolve of this.#turns.splice(0)) resolve();
    await microtasks();
  }

  /** Lets time pass, firing timers on the way and running all that they set off. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.settle();
    for (;;) {
      const next = this.#earliest();
      if (!next || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** Forgets everything that was to come: the process it belonged to has crashed. */
  abandon(): void {
    this.#timers = [];
    this.#turns = [];
  }

  #earliest(): PendingTimer | null {
    let earliest: PendingTimer | null = null;
    for (const timer of this.#timers) if (!earliest || timer.atMs < earliest.atMs) earliest = timer;
    return earliest;
  }
}

/** Resolves once no promise reaction is left to run: a macrotask of the runtime comes after all of them. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
