/**
 * Room in memory that many share: who finds none waits in line for it.
 *
 * - First come, first served. A claim larger than all of the room is let in when nobody else holds any.
 * - Who holds some and cannot end without more comes before all who hold none. If nobody could go on otherwise, one of them at a
 *   time goes beyond the room: when all hold a part and wait for the rest, none would ever give any back.
 * - Who holds room for as long as a client takes to read may be watched: while somebody waits, a client that has taken nothing
 *   of what it was given for `stallPressedMs` is cut off, so that who reads does not wait for long for who does not.
 */
import { assert } from "./assert.ts";
import type { Clock } from "./clock.ts";

/** How often those who hold room are looked at while others wait. */
const LOOK_MS = 1_000;

/** Who holds room for as long as a client takes to read. */
export interface Holder {
  /** Since when its client has taken nothing of what it was given; null while it is not the client who is waited for. */
  stalledSinceMs(): number | null;
  /** Gives back what it holds. */
  cut(): void;
}

/** A place in the line. */
export interface Place {
  /** Whether the bytes are taken; whoever has no use for them gives them back. */
  readonly isTaken: boolean;
  /** True once the bytes are taken; false when the place was left. */
  readonly taken: Promise<boolean>;
  /** Out of the line; nothing where the bytes are taken already. */
  leave(): void;
}

interface Waiting {
  readonly bytes: number;
  readonly tell: () => void;
}

/** Who holds room and wants more. */
interface Growing extends Waiting {
  readonly owner: object;
}

export class Room {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  readonly #stallPressedMs: number;
  readonly #line = new Set<Waiting>();
  readonly #growing = new Set<Growing>();
  /** Who may go beyond the room until it ends. */
  #beyond: object | null = null;
  readonly #holders = new Set<Holder>();
  #bytes = 0;
  #looking = false;

  constructor(clock: Clock, bytesMax: number, stallPressedMs: number) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
    this.#stallPressedMs = stallPressedMs;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Somebody waits for others to give theirs back. */
  get pressed(): boolean {
    return this.#line.size + this.#growing.size > 0;
  }

  /** Takes the bytes and says true, where they fit and nobody waits. */
  take(bytes: number): boolean {
    if (this.pressed || !this.#fits(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Counts bytes that are there whether they fit or not. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "room is given back once for each time it was taken");
    if (this.pressed) this.#callNext();
  }

  /** Waits in line for the bytes; `granted` is called in the moment in which they are taken. */
  enter(bytes: number, granted: () => void = () => {}): Place {
    return this.#wait(this.#line, granted, (tell) => ({ bytes, tell }));
  }

  /** The same for an owner that holds room already and needs more before it can give any back, which it tells by `ended`. */
  grow(bytes: number, granted: () => void, owner: object): Place {
    return this.#wait(this.#growing, granted, (tell) => ({ bytes, tell, owner }));
  }

  /** The owner needs no more. */
  ended(owner: object): void {
    if (this.#beyond !== owner) return;
    this.#beyond = null;
    this.#callNext();
  }

  #wait<W extends Waiting>(
    line: Set<W>,
    granted: () => void,
    waitingOf: (tell: () => void) => W,
  ): Place {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    let isTaken = false;
    const tell = (): void => {
      isTaken = true;
      resolve(true);
      granted();
    };
    const waiting = waitingOf(tell);
    line.add(waiting);
    this.#callNext();
    this.#look();
    const leave = (): void => {
      if (!line.delete(waiting)) return;
      resolve(false);
      this.#callNext();
    };
    return {
      get isTaken() {
        return isTaken;
      },
      taken: promise,
      leave,
    };
  }

  /** Whom to cut off while others wait, until `forget`. */
  watch(holder: Holder): void {
    this.#holders.add(holder);
    this.#look();
  }

  forget(holder: Holder): void {
    this.#holders.delete(holder);
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  #callNext(): void {
    for (const growing of this.#growing) {
      if (!this.#fits(growing.bytes)) {
        if (this.#beyond !== null && this.#beyond !== growing.owner) continue;
        this.#beyond = growing.owner;
      }
      this.#grant(this.#growing, growing);
    }
    for (const waiting of this.#line) {
      if (this.#growing.size > 0 || !this.#fits(waiting.bytes)) return;
      this.#grant(this.#line, waiting);
    }
  }

  #grant<W extends Waiting>(line: Set<W>, waiting: W): void {
    line.delete(waiting);
    this.#bytes += waiting.bytes;
    waiting.tell();
  }

  #look(): void {
    if (this.#looking || !this.pressed || this.#holders.size === 0) return;
    this.#looking = true;
    this.#clock.after(LOOK_MS, () => {
      this.#looking = false;
      const nowMs = this.#clock.monotonicMs();
      for (const holder of this.#holders) {
        if (!this.pressed) return;
        const sinceMs = holder.stalledSinceMs();
        if (sinceMs !== null && nowMs - sinceMs >= this.#stallPressedMs) holder.cut();
      }
      this.#look();
    });
  }
}

/** What a place in line comes to: taken, or not within `waitMs` or before the signal; it is kept then. */
export function within(
  clock: Clock,
  place: Place,
  waitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  const { promise: over, resolve } = Promise.withResolvers<false>();
  const end = (): void => resolve(false);
  const timer = clock.after(waitMs, end);
  signal.addEventListener("abort", end);
  return Promise.race([place.taken, over]).finally(() => {
    timer.cancel();
    signal.removeEventListener("abort", end);
  });
}
