/**
 * All tails of one HTTP door: what they share, how many there are, and their end when the node stops.
 */
import type { Clock } from "../../lib/clock.ts";
import type { BatchOpener } from "../reading/batch-opener.ts";
import { Room } from "../../lib/room.ts";
import { EncodedBatches } from "./encoded.ts";
import { SharedTurns } from "./inbox.ts";
import { tailLimits, type TailLimits } from "./limits.ts";

interface TailsOptions {
  readonly clock: Clock;
  readonly opener: BatchOpener;
  readonly stopping: AbortSignal;
  /** What all tails together hold and their clients have not taken. */
  readonly bytesMax: number;
  readonly stallPressedMs: number;
}

export class Tails {
  readonly limits: TailLimits;
  readonly encoded: EncodedBatches;
  /** What all WebSockets together take in one turn. */
  readonly turns: SharedTurns;
  /** Memory for what tails hold, and what their clients have not taken. */
  readonly room: Room;
  /** Aborted when the node stops: tails end at once, so that their readers go elsewhere. */
  readonly stopping: AbortSignal;
  #open = 0;

  constructor(shared: TailsOptions, limits: Partial<TailLimits> = {}) {
    const { clock, opener } = shared;
    this.room = new Room(clock, shared.bytesMax, shared.stallPressedMs);
    this.stopping = shared.stopping;
    this.limits = { ...tailLimits, ...limits };
    this.turns = new SharedTurns(() => clock.turn(), this.limits.costPerTurnMax);
    this.encoded = new EncodedBatches(opener, this.limits.sharedLengthMax);
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
