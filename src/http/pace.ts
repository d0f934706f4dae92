/**
 * How many requests begin in one turn of the event loop. A connection may bring thousands at once (HTTP pipelining), and the
 * runtime hands them all over in one go: past so many the others wait for later turns, in order, and others get theirs.
 */
import type { Clock } from "../lib/clock.ts";

/** Some 10 ms of small requests. */
const REQUESTS_PER_TURN = 200;

export class Pace {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #begun = 0;
  #turning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null where the request may begin now, as almost always; else it begins when the promise resolves. */
  enter(): Promise<void> | null {
    if (!this.#turning) void this.#turn();
    if (this.#waiting.length === 0 && this.#begun < REQUESTS_PER_TURN) {
      this.#begun += 1;
      return null;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #turn(): Promise<void> {
    this.#turning = true;
    do {
      await this.#clock.turn();
      const slice = this.#waiting.splice(0, REQUESTS_PER_TURN);
      this.#begun = slice.length;
      for (const begin of slice) begin();
    } while (this.#begun > 0);
    this.#turning = false;
  }
}
