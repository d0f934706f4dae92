/**
 * What one tail holds of the room that all tails of a door share: log that it has read, the texts made of it, and what its
 * client was given and has not taken.
 *
 * - A tail that finds no room gives back what it has read, waits in line, and reads it again then: nothing is lost.
 * - It keeps its place in line over several reads, so that its client hears from it meanwhile. It has one
 *   place at most: a second would be granted with nobody left to give it back.
 */
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Holder, type Place, type Room, within } from "../../lib/room.ts";

/** What a byte of text costs a tail: itself, and the same as it is sent. */
const PER_TEXT_BYTE = 2;

/** What a tail holds of so much log and its text; by default as much text as log, as it is without compression. */
export function costOf(logBytes: number, textLength = logBytes): number {
  return logBytes + PER_TEXT_BYTE * textLength;
}

export class TailShare {
  readonly #room: Room;
  readonly #clock: Clock;
  #reader: Holder | null = null;
  #held = 0;
  #place: Place | null = null;
  #bytesWanted = 0;
  #closed = false;

  constructor(room: Room, clock: Clock) {
    this.#room = room;
    this.#clock = clock;
  }

  /** Whether it stands in line. */
  get isWaiting(): boolean {
    return this.#place !== null;
  }

  /** Who is cut off when it holds room for which others wait. */
  heldBy(reader: Holder): void {
    this.#reader = reader;
  }

  /** Holds so many bytes where it held fewer; false: there is no room, nothing is held, it has to wait. */
  hold(bytes: number): boolean {
    if (this.#place) return false;
    // A read that was under way has come too late: nobody is given what it found.
    if (this.#closed) return true;
    if (bytes > this.#held) {
      this.free();
      if (!this.#room.take(bytes)) return false;
      this.#begin(bytes);
    }
    return true;
  }

  /**
   * Waits for room for so many bytes; false when there is none within `waitMs`, or before the signal. Where it stands in line
   * already it goes on with that place, for as much as it asked for first: a read that came to more asks again.
   */
  async wait(bytes: number, waitMs: number, signal: AbortSignal): Promise<boolean> {
    this.free();
    if (this.#closed) return false;
    if (!this.#place) {
      this.#bytesWanted = bytes;
      this.#place = this.#room.enter(this.#bytesWanted);
    }
    return this.waitOn(waitMs, signal);
  }

  /** Where it stands in line it waits on; true when it does not. */
  async waitOn(waitMs: number, signal: AbortSignal): Promise<boolean> {
    const place = this.#place;
    if (!place) return true;
    if (!(await within(this.#clock, place, waitMs, signal))) return false;
    if (this.#place !== place) return false; // Closed meanwhile: the place was given back.
    this.#place = null;
    this.#begin(this.#bytesWanted);
    return true;
  }

  /** Its client has taken all that it was given. */
  free(): void {
    if (this.#held === 0) return;
    if (this.#reader) this.#room.forget(this.#reader);
    const bytes = this.#held;
    this.#held = 0;
    this.#room.release(bytes);
  }

  /** The tail is over: nothing is held any more, whatever still comes. */
  close(): void {
    this.#closed = true;
    this.free();
    const place = this.#place;
    if (!place) return;
    this.#place = null;
    place.leave();
    void place.taken.then((taken) => taken && this.#room.release(this.#bytesWanted));
  }

  #begin(bytes: number): void {
    assert(!this.#closed, "a tail that is over holds no room");
    assert(
      this.#held === 0 && !this.#place,
      "a tail holds room once, and stands in line for no more",
    );
    this.#held = bytes;
    if (this.#reader) this.#room.watch(this.#reader);
  }
}
