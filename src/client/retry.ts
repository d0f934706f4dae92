/**
 * When to try again, and after how long: exponential back-off with jitter, never sooner than the node asked for, until
 * a budget of time is used up.
 */
import type { KedgeError } from "./errors.ts";

export interface RetryOptions {
  /** The first pause; it doubles from try to try. */
  readonly delayMs?: number;
  readonly delayMaxMs?: number;
  /** No new try begins after this long; 0 never retries. */
  readonly budgetMs?: number;
}

export type RetryPolicy = Required<RetryOptions>;

export const retryDefaults: RetryPolicy = { delayMs: 100, delayMaxMs: 5_000, budgetMs: 60_000 };

/**
 * The pause before the next try, or null when there must be none: the error is final, a second try could do the work
 * twice, or the budget is over. `repeatable` says that the request is one the node recognizes when it comes again.
 */
export function pauseMs(
  error: KedgeError,
  repeatable: boolean,
  tries: number,
  spentMs: number,
  policy: RetryPolicy,
): number | null {
  if (!error.retryable) return null;
  if (error.sideEffects === "unknown" && !repeatable) return null;
  const jittered = delayMs(tries, policy);
  // Jitter goes on top of what the node asked for, so that its clients do not all come back in the same instant.
  const pause = error.retryAfterMs === null ? jittered : error.retryAfterMs + jittered;
  return spentMs + pause > policy.budgetMs ? null : pause;
}

function delayMs(tries: number, policy: RetryPolicy): number {
  const step = Math.min(policy.delayMaxMs, policy.delayMs * 2 ** (tries - 1));
  return step * (0.5 + Math.random() / 2);
}

/**
 * Slows down whoever asks on and on, at the pace of retries, while the answers bring nothing and come before their wait is over:
 * a node that waits is asked again at once.
 */
export class Idling {
  readonly #policy: RetryPolicy;
  #tries = 0;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  async rest(isIdle: boolean, signal: AbortSignal | undefined): Promise<void> {
    this.#tries = isIdle ? this.#tries + 1 : 0;
    if (isIdle) await sleep(delayMs(this.#tries, this.#policy), signal);
  }
}

/** Waits, or rejects with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const wake = () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/** What makes a request known when it comes again: 32 characters; not `randomUUID`, which browsers keep to secure origins. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
