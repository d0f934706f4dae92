/**
 * `timeoutMs` of a Produce with acks=all: what is not acknowledged by then is answered with REQUEST_TIMED_OUT, as in Kafka,
 * while it stays on its way. Sent again by an idempotent producer it is a duplicate, answered as the first one would have been.
 *
 * - What Kafka waits for is its followers, with what its own disk takes left out. Here the disk is what is waited for, so that
 *   no limit is shorter than `ACKNOWLEDGE_MS_MIN`: a commit of usual length succeeds whatever a client asks.
 */
import type { Deadlines, Expiring } from "../../lib/deadlines.ts";
import { Refusal } from "../../lib/refusal.ts";

/** The shortest limit. */
const ACKNOWLEDGE_MS_MIN = 1_000;

/** The limit of one request, for all of its partitions. */
export class ProduceLimit implements Expiring {
  readonly #deadlines: Deadlines;
  readonly #limitMs: number;
  readonly #late = Promise.withResolvers<never>();

  constructor(deadlines: Deadlines, timeoutMs: number) {
    this.#deadlines = deadlines;
    this.#limitMs = Math.max(timeoutMs, ACKNOWLEDGE_MS_MIN);
    this.#late.promise.catch(() => {}); // Told to those who wait.
    deadlines.add(this, this.#limitMs);
  }

  /** The work's outcome, or Refusal request_timed_out when the limit comes before it. */
  bound<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#late.promise]);
  }

  expire(): void {
    this.#late.reject(
      new Refusal(
        "request_timed_out",
        `The records were not on the disk after ${this.#limitMs} ms; they may still get there.`,
      ),
    );
  }

  /** All that was asked has its answer. */
  done(): void {
    this.#deadlines.remove(this);
  }
}
