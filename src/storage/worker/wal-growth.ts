/**
 * About how much the write-ahead log holds that is not yet in the file, told without asking SQLite at each commit.
 *
 * - Every commit adds what it may write at most. How much of that was true the checkpointer sees each time it is asked, and the
 *   next estimates are scaled by it: small commits take fewer pages than they might, at 1 KiB a time three fifths.
 * - Only the checkpointer sees that: it may copy all of the log back alone, and the next commit then begins the log anew. What
 *   was committed until it looked makes the share it finds too large rather than too small.
 */

/** However little of an estimate was true, so much of the next is taken to be: the work may change. */
const SHARE_MIN = 0.5;

export class WalGrowth {
  #bytes = 0;
  /** Since it was last copied back whole. */
  #estimatedBytes = 0;
  /** So much was estimated when the checkpointer was first asked, if it was. */
  #askedBytes: number | null = null;
  #share = 1;

  get bytes(): number {
    return this.#bytes;
  }

  grew(bytesMax: number): void {
    this.#estimatedBytes += bytesMax;
    this.#bytes += bytesMax * this.#share;
  }

  /** The checkpointer is asked for. */
  asked(): void {
    this.#askedBytes ??= this.#estimatedBytes;
  }

  /** The checkpointer, once asked, found so much; 0 where it could not tell. */
  seen(walBytes: number): void {
    const asked = this.#askedBytes ?? 0;
    if (asked > 0 && walBytes > 0) this.#share = Math.min(Math.max(walBytes / asked, SHARE_MIN), 1);
  }

  /** All of it is in the file. */
  copied(): void {
    this.kept(0);
    this.#estimatedBytes = 0;
    this.#askedBytes = null;
  }

  /** Somebody reads what it holds: it counts as this much, until it is asked for again. */
  kept(bytes: number): void {
    this.#bytes = bytes;
  }
}
