/**
 * How much of all logs would have to be read back at a start, because storage does not know their producers up to their
 * ends. Past its bound the log that has been behind longest is told to store them.
 */

/** A log that can bring storage up with its producers. */
export interface BehindLog {
  /** Never throws; what could not be stored stays behind. */
  storeProducers(): Promise<void>;
}

export class BehindLogs {
  readonly #bytesMax: number;
  /** How far each is behind, the longest behind first. */
  readonly #bytes = new Map<BehindLog, number>();
  #total = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  bytesOf(log: BehindLog): number {
    return this.#bytes.get(log) ?? 0;
  }

  /** So much more of the log is not known to storage. */
  grew(log: BehindLog, bytes: number): void {
    this.#bytes.set(log, this.bytesOf(log) + bytes);
    this.#total += bytes;
    while (this.#total > this.#bytesMax) {
      const [oldest] = this.#bytes.keys();
      if (!oldest) return;
      this.stored(oldest);
      void oldest.storeProducers();
    }
  }

  /** The log is up to date, or gone. */
  stored(log: BehindLog): void {
    this.#total -= this.bytesOf(log);
    this.#bytes.delete(log);
  }
}
