/**
 * The time limits of many requests with one timer, which looks at them from the oldest on, up to the first for which it is too early
 * for anything: so a request costs an insertion and a removal.
 *
 * - A request is told what it waited for: a body that did not come, when nothing was done, or work whose outcome is unknown.
 * - Once the node stops, who still sends a body has a while to finish, and is told to send it elsewhere.
 * - Who takes long has the connection held, or the runtime would close it as idle before there is an answer.
 */
import type { Clock } from "../lib/clock.ts";
import { Refusal } from "../lib/refusal.ts";
import { HttpRefusal } from "./answers/problem.ts";
import type { HttpLimits } from "./limits.ts";

/** What a request waits for of its body; whoever reads that says so. A small body has less time than a large one. */
export interface Arrival {
  awaits: "nothing" | "small body" | "large body";
}

interface Waiting {
  readonly startMs: number;
  readonly arrival: Arrival;
  readonly connection: { hold(): void } | null;
  isHeld: boolean;
  readonly fail: (error: Refusal | HttpRefusal) => void;
}

/** How late a deadline may be noticed. */
const TICK_MS = 1_000;
/** Bun calls itself for each answer of one turn to a request whose body has not come: some 3,000 overflow its stack. */
const FAILED_A_TURN_MAX = 200;

type Limits = Pick<HttpLimits, "holdAfterMs" | "bodyMs" | "requestMs" | "stoppingMs">;

export class TimeLimit {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #stopping: AbortSignal;
  readonly #waiting = new Set<Waiting>();
  #ticking = false;
  /** When the node was first seen to stop. */
  #stoppingMs: number | null = null;

  constructor(clock: Clock, limits: Limits, stopping: AbortSignal) {
    this.#clock = clock;
    this.#limits = limits;
    this.#stopping = stopping;
  }

  /** The promise's outcome; body_timed_out, node_stopping or request_timed_out if it takes longer than the limit. */
  bound<T>(work: Promise<T>, arrival: Arrival, connection: Waiting["connection"]): Promise<T> {
    return new Promise((resolve, reject) => {
      const startMs = this.#clock.monotonicMs();
      const waiting: Waiting = { startMs, arrival, connection, isHeld: false, fail: reject };
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
    const isOver = this.#isOver(nowMs);
    const { holdAfterMs, bodyMs, requestMs } = this.#limits;
    const soonestMs = isOver ? 0 : Math.min(holdAfterMs, bodyMs, requestMs);
    let failed = 0;
    for (const waiting of this.#waiting) {
      const ageMs = nowMs - waiting.startMs;
      if (ageMs < soonestMs || failed === FAILED_A_TURN_MAX) break;
      const error =
        isOver && waiting.arrival.awaits !== "nothing"
          ? nodeStopping()
          : this.#lateness(waiting, ageMs);
      if (error) {
        this.#waiting.delete(waiting);
        waiting.fail(error);
        failed += 1;
      } else if (!waiting.isHeld && ageMs >= holdAfterMs) {
        waiting.isHeld = true;
        waiting.connection?.hold();
      }
    }
    this.#ticking = this.#waiting.size > 0;
    const delayMs = failed === FAILED_A_TURN_MAX ? 0 : TICK_MS;
    if (this.#ticking) this.#clock.after(delayMs, this.#tick);
  };

  /** What to tell a request of this age; null while it has time. */
  #lateness({ arrival }: Waiting, ageMs: number): Refusal | HttpRefusal | null {
    const { bodyMs, requestMs } = this.#limits;
    const limitMs = arrival.awaits === "small body" ? bodyMs : requestMs;
    if (ageMs < limitMs) return null;
    return arrival.awaits === "nothing" ? workTooLong(limitMs) : bodyTooLate(limitMs);
  }

  /** The node stops, and bodies have had their while. */
  #isOver(nowMs: number): boolean {
    if (!this.#stopping.aborted) return false;
    this.#stoppingMs ??= nowMs;
    return nowMs - this.#stoppingMs >= this.#limits.stoppingMs - TICK_MS;
  }
}

function workTooLong(limitMs: number): Refusal {
  const seconds = Math.round(limitMs / 1_000);
  return new Refusal(
    "request_timed_out",
    `Not done after ${seconds} s; it may still be carried out.`,
  );
}

/** What a body is told that did not come within the limit; its connection is of no more use. */
export function bodyTooLate(limitMs: number): HttpRefusal {
  const seconds = Math.round(limitMs / 1_000);
  return new HttpRefusal(
    "body_timed_out",
    `The whole body had not come after ${seconds} s, and nothing was done; send it again, or send less at once.`,
    { connection: "close" },
  );
}

/** What a body is told that is still under way when the node has to go. */
export function nodeStopping(
  detail = "The body had not come whole when the node stopped, and nothing was done; send it again.",
): HttpRefusal {
  return new HttpRefusal("node_stopping", detail, { connection: "close" });
}
