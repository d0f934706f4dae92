/**
 * The few shapes of waiting that the language lacks.
 */
import type { Clock } from "./clock.ts";

/** Maps in order, all at once. */
export function mapAsync<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  return Promise.all(items.map(map));
}

/** Resolves after the time, or with the signal. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener("abort", done);
  });
}

/** Runs tasks one at a time in the order they came; a task that fails does not stop the next. */
export class Sequence {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }
}
