/**
 * Long polls: one `Waiter` stands at several partitions and is counted down by what is appended to them. Nobody sleeps and
 * nobody polls.
 *
 * - Woken by the first of: enough bytes, a partition that changed hands or went away, the deadline, the client leaving.
 * - An idle waiter is one object, one promise, a place in each partition's set and in the shared deadlines; no timer.
 * - Thousands woken by one append go in slices, so that other work gets its turn in between.
 */
import type { Clock } from "../../lib/clock.ts";
import type { Deadlines, Expiring } from "../../lib/deadlines.ts";

/** Why a waiter woke. */
export type Wake = "bytes" | "changed" | "deadline" | "aborted";

export class Waiter implements Expiring, EventListenerObject {
  readonly woken: Promise<Wake>;
  readonly #resolve: (wake: Wake) => void;
  readonly #places: readonly Watchers[];
  readonly #deadlines: Deadlines;
  readonly #signal: AbortSignal | undefined;
  #remainingBytes: number;
  #over = false;

  /** Waits at `places` until `bytes` more can be read there, or `waitMs` is over. */
  constructor(
    places: readonly Watchers[],
    bytes: number,
    waitMs: number,
    deadlines: Deadlines,
    signal?: AbortSignal,
  ) {
    const { promise, resolve } = Promise.withResolvers<Wake>();
    this.woken = promise;
    this.#resolve = resolve;
    this.#places = places;
    this.#deadlines = deadlines;
    this.#signal = signal;
    this.#remainingBytes = bytes;
    if (signal?.aborted) {
      this.#over = true;
      resolve("aborted");
      return;
    }
    for (const place of places) place.add(this);
    deadlines.add(this, waitMs);
    signal?.addEventListener("abort", this);
  }

  /** Counts down by bytes that have become readable; true once there are enough. */
  count(bytes: number): boolean {
    this.#remainingBytes -= bytes;
    return this.#remainingBytes <= 0;
  }

  expire(): void {
    this.wake("deadline");
  }

  handleEvent(): void {
    this.wake("aborted");
  }

  wake(wake: Wake): void {
    if (this.#over) return;
    this.#over = true;
    for (const place of this.#places) place.remove(this);
    this.#deadlines.remove(this);
    this.#signal?.removeEventListener("abort", this);
    this.#resolve(wake);
  }
}

/** The waiters that stand at one partition. */
export class Watchers {
  readonly #queue: WakeQueue;
  /** Made with the first: most partitions are never waited for. */
  #waiters: Set<Waiter> | null = null;

  constructor(queue: WakeQueue) {
    this.#queue = queue;
  }

  get size(): number {
    return this.#waiters?.size ?? 0;
  }

  add(waiter: Waiter): void {
    this.#waiters ??= new Set();
    this.#waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
  }

  /** `bytes` more can be read here. */
  readable(bytes: number): void {
    const waiters = this.#waiters;
    if (!waiters) return;
    for (const waiter of waiters) {
      if (!waiter.count(bytes)) continue;
      waiters.delete(waiter);
      this.#queue.push(waiter, "bytes");
    }
  }

  /** The partition changed hands, lost records or went away: everybody looks again. */
  changed(): void {
    for (const waiter of this.#waiters ?? []) this.#queue.push(waiter, "changed");
    this.#waiters?.clear();
  }
}

/** Wakes waiters in bounded slices: the first at once, each further one in a later turn. */
export class WakeQueue {
  readonly #clock: Clock;
  readonly #slice: number;
  #pending: { waiter: Waiter; wake: Wake }[] = [];
  #wokenThisTurn = 0;
  #draining = false;

  constructor(clock: Clock, slice: number) {
    this.#clock = clock;
    this.#slice = slice;
  }

  push(waiter: Waiter, wake: Wake): void {
    if (this.#pending.length === 0 && this.#wokenThisTurn < this.#slice) {
      this.#wokenThisTurn += 1;
      waiter.wake(wake);
    } else {
      this.#pending.push({ waiter, wake });
    }
    if (!this.#draining) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    do {
      await this.#clock.turn();
      const slice = this.#pending.splice(0, this.#slice);
      this.#wokenThisTurn = slice.length;
      for (const { waiter, wake } of slice) waiter.wake(wake);
    } while (this.#wokenThisTurn > 0);
    this.#draining = false;
  }
}
