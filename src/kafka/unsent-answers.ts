/**
 * Records on their way to clients that have not taken them yet: how many bytes of them the door holds, over all connections.
 *
 * - A Fetch is granted what is left, so that answers get shorter as clients get slower; past the limit it is granted a few
 *   KiB, and past twice the limit it waits until somebody takes something or is cut off.
 * - A client that takes nothing is the connection's affair.
 */
import { assert } from "../lib/assert.ts";
import type { KafkaLimits } from "./limits.ts";

/** What a Fetch may still have while the room is used up: with it comes one whole batch at least. */
const SHORT_BYTES = 32 * 1024;
/** Where even that has to wait. */
const WAIT_AT = 2;

export class UnsentAnswers {
  readonly #bytesMax: number;
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;

  constructor({ unsentBytesMax }: KafkaLimits) {
    this.#bytesMax = unsentBytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** As many bytes as asked while there are so many, else what is left, and always a few. */
  fitting(bytesAsked: number): number {
    return Math.min(bytesAsked, Math.max(this.#bytesMax - this.#bytes, SHORT_BYTES));
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "bytes are taken off once for each time they were added");
    while (this.#bytes < WAIT_AT * this.#bytesMax) {
      const next = this.#waiting.shift();
      if (!next) return;
      next();
    }
  }

  /** Null when another answer may be made now, else what resolves once it may. */
  turn(): Promise<void> | null {
    if (this.#bytes < WAIT_AT * this.#bytesMax) return null;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
