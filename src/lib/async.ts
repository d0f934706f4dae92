/**
 * The few shapes of waiting that the language lacks.
 */

/** Maps in order, all at once. */
export function mapAsync<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  return Promise.all(items.map(map));
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
