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

/** How many of a long list are under way at once, and how long they may keep the event loop. */
const AT_ONCE = 100;
const TURN_MS = 5;

/** Maps a list of any length in order, some at once, and gives others their turn every few milliseconds. */
export async function mapInTurns<T, R>(
  clock: Clock,
  items: readonly T[],
  map: (item: T, index: number) => R | Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let untilMs = clock.monotonicMs() + TURN_MS;
  while (results.length < items.length) {
    const some: (R | Promise<R>)[] = [];
    for (const item of items.slice(results.length, results.length + AT_ONCE)) {
      some.push(map(item, results.length + some.length));
      if (clock.monotonicMs() > untilMs) break;
    }
    for (const result of await Promise.all(some)) results.push(result);
    if (clock.monotonicMs() <= untilMs) continue;
    await clock.turn();
    untilMs = clock.monotonicMs() + TURN_MS;
  }
  return results;
}

/** The same for lists in a list: one list of results each. */
export async function mapNestedInTurns<Outer, Inner, R>(
  clock: Clock,
  outers: readonly Outer[],
  innersOf: (outer: Outer) => readonly Inner[],
  map: (inner: Inner, outer: Outer) => R | Promise<R>,
): Promise<R[][]> {
  const pairs = outers.flatMap((outer) => innersOf(outer).map((inner) => ({ outer, inner })));
  const results = await mapInTurns(clock, pairs, ({ inner, outer }) => map(inner, outer));
  let next = 0;
  return outers.map((outer) => results.slice(next, (next += innersOf(outer).length)));
}

/** What goes at once of a list that is worked on without waiting: a millisecond or two at a few microseconds each. */
const SLICE = 500;

/** Maps a list slice by slice, in order: a short one at once, else with turns for others in between. */
export function mapSlices<T, R>(
  clock: Clock,
  items: readonly T[],
  map: (slice: readonly T[]) => readonly R[],
): readonly R[] | Promise<readonly R[]> {
  return items.length <= SLICE ? map(items) : mapManySlices(clock, items, map);
}

async function mapManySlices<T, R>(
  clock: Clock,
  items: readonly T[],
  map: (slice: readonly T[]) => readonly R[],
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += SLICE) {
    if (from > 0) await clock.turn();
    for (const result of map(items.slice(from, from + SLICE))) results.push(result);
  }
  return results;
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

/**
 * Called between two steps of long work that is done on the event loop, with what has been done since the last call, in about
 * nanoseconds: others get their turn when it was long enough.
 */
export type Pause = (cost: number) => Promise<void> | undefined;

/** Pauses for a turn once so much was done: about 4 ms. Counted, not timed, so that a simulated run is the same each time. */
const SLICE_COST = 4_000_000;

export function turnBetween(clock: Clock): Pause {
  let done = 0;
  return (cost) => {
    done += cost;
    if (done < SLICE_COST) return undefined;
    done = 0;
    return clock.turn();
  };
}

/** Work in steps, each of which tells its cost as `Pause` takes it. */
export type Steps<Result> = Generator<number, Result, undefined>;

/** All the steps without a pause. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** The steps with pauses between them. */
export async function paused<Result>(steps: Steps<Result>, pause: Pause): Promise<Result> {
  let step = steps.next();
  while (!step.done) {
    await pause(step.value);
    step = steps.next();
  }
  return step.value;
}

/** Runs at most so many tasks at a time; the others wait in the order they came. */
export class Lanes {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
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
