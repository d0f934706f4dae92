/**
 * Connections with more requests than one turn's share: each goes on in a turn of its own, in the order they came, so that
 * however many there are, others (a client with a single request) stand behind one of them only.
 */
import type { Clock } from "../lib/clock.ts";

export class TurnQueue {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Somebody waits: others should keep their share small. */
  get crowded(): boolean {
    return this.#running;
  }

  /** Calls `goOn` in a later turn, which it has for itself. */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      await this.#clock.turn();
      this.#waiting.shift()?.();
    }
    this.#running = false;
  }
}
