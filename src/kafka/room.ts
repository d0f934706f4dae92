/**
 * Room in memory that all connections of the door share: who finds none waits in line and is told when it is their turn. And
 * allowances, for which nobody waits.
 *
 * - First come, first served, so that a large claim is not overtaken for ever by small ones.
 * - A claim larger than the whole room is let in when nobody else holds any, or it could never be served.
 */
import { assert } from "../lib/assert.ts";

/** Bytes of which there may be so many, and nobody waits for: they are taken or not. */
export class Allowance {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "what is given back was taken");
  }
}

/** Who waits for room; told once, and then asks again. */
export interface Claimant {
  roomMayBeThere(): void;
}

export class Room {
  readonly #bytesMax: number;
  /** Those who were refused, in order of arrival. */
  readonly #line = new Set<Claimant>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Somebody waits for others to give theirs back. */
  get pressed(): boolean {
    return this.#line.size > 0;
  }

  /** Takes `bytes` and says true, or puts `claimant` in line and says false. */
  claim(claimant: Claimant, bytes: number): boolean {
    const [first] = this.#line;
    const turn = first === undefined || first === claimant;
    const fits = this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
    if (turn && fits) {
      this.#line.delete(claimant);
      this.#bytes += bytes;
      return true;
    }
    this.#line.add(claimant);
    return false;
  }

  /** Gives back what `claim` took, and lets those in line ask again as long as the first of them is served. */
  release(bytes: number): void {
    this.#bytes -= bytes;
    assert(this.#bytes >= 0, "room is given back once for each time it was taken");
    this.#callNext();
  }

  /** Out of the line: its connection is gone. */
  leave(claimant: Claimant): void {
    if (this.#line.delete(claimant)) this.#callNext();
  }

  #callNext(): void {
    for (const claimant of this.#line) {
      claimant.roomMayBeThere();
      if (this.#line.has(claimant)) return;
    }
  }
}
