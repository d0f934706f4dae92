/**
 * Opening the batches that clients send, so that none of them holds up the others.
 *
 * - What a batch holds is not known before it is opened: 20 kB may be 15 MB, which take 5 to 100 ms. So each is opened at once
 *   within a bound, and what exceeds it beside the event loop, with pauses.
 * - As many small ones as come in one turn of the event loop add up as well: past a bound the others are opened later, too.
 * - So many at a time and no more are opened beside: that bounds the memory.
 */
import type { Clock } from "../lib/clock.ts";
import { Lanes, type Pause, turnBetween } from "../lib/async.ts";
import { type BatchContents, checkContents, checkContentsBeside } from "../records/batch-check.ts";
import { RECORDS_A_PAUSE, RECORDS_COST } from "../records/batch-visit.ts";
import type { BatchHeader } from "../records/batch.ts";

/** The most that a compressed batch may hold when it is opened. */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;
/** The same of a new one: twice the largest batch, and what a reader can still take as JSON in one answer. */
const DECOMPRESSED_NEW_BYTES_MAX = 16 * 1024 * 1024;
/** What is opened at once in one turn, in about nanoseconds. */
const TURN_COST_MAX = 10_000_000;
/** Batches that are opened beside the event loop at a time. */
const LANES = 2;

export class Opening {
  readonly #clock: Clock;
  readonly #lanes = new Lanes(LANES);
  #costInTurn = 0;
  #turning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the batch holds, checked; null when it is to be opened beside. Throws Refusal as `checkBatch`. */
  now(bytes: Uint8Array, header: BatchHeader): BatchContents | null {
    if (this.#costInTurn > TURN_COST_MAX) return null;
    const contents = checkContents(bytes, header, DECOMPRESSED_NEW_BYTES_MAX);
    // What was too much has cost its bound.
    this.#count(contents ? contents.bytes + recordsCost(header) : TURN_COST_MAX / 4);
    return contents;
  }

  /** The same beside the event loop. */
  later(bytes: Uint8Array, header: BatchHeader): Promise<BatchContents> {
    const decompressedBytesMax = DECOMPRESSED_NEW_BYTES_MAX;
    return this.beside((pause) =>
      checkContentsBeside(bytes, header, { decompressedBytesMax, pause }),
    );
  }

  /** Work on one batch's records, once there is room for it. */
  beside<T>(work: (pause: Pause) => Promise<T>): Promise<T> {
    return this.#lanes.run(() => work(turnBetween(this.#clock)));
  }

  #count(cost: number): void {
    this.#costInTurn += cost;
    // Much is rare: the end of a turn is only looked for when it matters.
    if (this.#costInTurn > TURN_COST_MAX / 4 && !this.#turning) void this.#turn();
  }

  async #turn(): Promise<void> {
    this.#turning = true;
    await this.#clock.turn();
    this.#turning = false;
    this.#costInTurn = 0;
  }
}

function recordsCost({ count }: BatchHeader): number {
  return (count / RECORDS_A_PAUSE) * RECORDS_COST;
}
