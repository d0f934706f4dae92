/**
 * Bytes of which there may be so many, and nobody waits for: they are taken or not.
 */
import { assert } from "./assert.ts";

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
