/**
 * Records on their way to clients that have not taken them yet: how many bytes of them the door holds, over all connections.
 *
 * - A Fetch sets bytes aside before it reads, and keeps what it found. It is granted what is left, so that answers get shorter
 *   as clients get slower; past the limit it is granted a few KiB, with which comes one whole batch.
 * - Past twice the limit it waits until somebody takes something. The door is then `pressed`: clients that take nothing are
 *   cut off sooner (`connection.ts`), so that who reads does not wait for long for who does not.
 */
import { assert } from "../lib/assert.ts";
import type { KafkaLimits } from "./limits.ts";

/** What a Fetch may still have while the room is used up. */
const SHORT_BYTES = 32 * 1024;
/** What is set aside for it: the whole batch that may come with it. */
const SHORT_ASIDE_BYTES = 1024 * 1024;
/** Where even that has to wait. */
const WAIT_AT = 2;

/** Bytes that a Fetch may give, and has set aside until it says what it gave. */
export interface Grant {
  readonly bytes: number;
  readonly aside: number;
}

export class UnsentAnswers {
  readonly #bytesMax: number;
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;

  constructor({ unsentBytesMax }: Pick<KafkaLimits, "unsentBytesMax">) {
    this.#bytesMax = unsentBytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Somebody waits for others to take what is theirs. */
  get pressed(): boolean {
    return this.#waiting.length > 0;
  }

  /** As many bytes as asked while there are so many, else what is left, and always a few. */
  fitting(bytesAsked: number): number {
    return Math.min(bytesAsked, Math.max(this.#bytesMax - this.#bytes, SHORT_BYTES));
  }

  /** Sets aside what is fitting; waits for its turn where there is too much already. */
  async reserve(bytesAsked: number): Promise<Grant> {
    while (this.#bytes >= WAIT_AT * this.#bytesMax) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    const bytes = this.fitting(bytesAsked);
    const aside = Math.min(bytesAsked, Math.max(bytes, SHORT_ASIDE_BYTES));
    this.#bytes += aside;
    this.#callNext();
    return { bytes, aside };
  }

  /** The Fetch gives so many bytes: they count until `remove`, and not what was set aside. */
  settle({ aside }: Grant, bytes: number): void {
    this.#bytes += bytes;
    this.remove(aside);
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "bytes are taken off once for each time they were added");
    this.#callNext();
  }

  /** One at a time: each sets its own aside before the next one looks. */
  #callNext(): void {
    if (this.#bytes < WAIT_AT * this.#bytesMax) this.#waiting.shift()?.();
  }
}
