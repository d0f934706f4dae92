/**
 * Time, passed in. Rooms below runtime/ never read a global clock or set a global timer, so that a whole node can run on
 * a simulated one.
 */

/** A timer that has been set; `cancel` after it fired does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time in milliseconds since the epoch: for record timestamps and retention only, it may jump. */
  nowMs(): number;
  /** Milliseconds since some start, never falling: for time-outs and measurements. */
  monotonicMs(): number;
  /** Calls `fire` once, `delayMs` from now. A pending timer does not keep the process alive. */
  after(delayMs: number, fire: () => void): Timer;
  /** Resolves in a later macrotask, so that long loops let I/O through (and libSQL's statements be collected). */
  turn(): Promise<void>;
}
