/**
 * All tails of one HTTP door: what they share, how many there are, and their end when the node stops.
 */
import { EncodedBatches } from "./encoded.ts";
import { tailLimits, type TailLimits } from "./limits.ts";

export class Tails {
  readonly limits: TailLimits;
  readonly encoded: EncodedBatches;
  /** Aborted when the node stops: tails end at once, so that their readers go elsewhere. */
  readonly stopping: AbortSignal;
  #open = 0;

  constructor(stopping: AbortSignal, limits: Partial<TailLimits> = {}) {
    this.stopping = stopping;
    this.limits = { ...tailLimits, ...limits };
    this.encoded = new EncodedBatches(this.limits);
  }

  get open(): number {
    return this.#open;
  }

  /** Counts a tail until the function that it gives is called, once. */
  enter(): () => void {
    this.#open += 1;
    let here = true;
    return () => {
      if (here) this.#open -= 1;
      here = false;
    };
  }
}
