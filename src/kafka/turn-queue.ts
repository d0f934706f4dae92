/**
 * What all connections of a door may begin in one turn of the event loop, and where they wait that have had their share of it.
 *
 * - A connection with more requests than its share of one turn goes on in later turns, in the order they came, so that however
 *   many there are, others (a client with a single request) stand behind one of them only.
 * - Thousands of connections with a single request each (members of a large group) may all come in one turn: past so many
 *   requests the others wait as well. Those that wait are several a turn where each has little to do.
 * - Counted over the turns until it is used up, so that a turn is waited for once in so many requests.
 */
import type { Clock } from "../lib/clock.ts";

export interface TurnShares {
  /** Parts that all connections together may begin before others get their turn. */
  readonly all: number;
  /** Parts of connections that waited, in one turn; the rest is for who comes. */
  readonly waited: number;
}

export class TurnQueue {
  readonly #clock: Clock;
  readonly #shares: TurnShares;
  readonly #waiting: (() => void)[] = [];
  #left: number;
  #running = false;

  constructor(clock: Clock, shares: TurnShares) {
    this.#clock = clock;
    this.#shares = shares;
    this.#left = shares.all;
  }

  /** Somebody waits: others should keep their share small. */
  get crowded(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes parts of what all may begin in this turn; false where there are none left. */
  take(parts: number): boolean {
    if (this.#left <= 0) return false;
    this.#left -= parts;
    if (this.#left <= 0) this.#begin();
    return true;
  }

  /** Calls `goOn` in a later turn. */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn);
    this.#begin();
  }

  #begin(): void {
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    do {
      await this.#clock.turn();
      this.#left = this.#shares.all;
      const least = this.#left - this.#shares.waited;
      // Each that goes on may have come back for more: it is not its turn again before the next one.
      for (let count = this.#waiting.length; count > 0 && this.#left > least; count -= 1) {
        this.#waiting.shift()?.();
      }
    } while (this.#waiting.length > 0);
    this.#running = false;
  }
}
