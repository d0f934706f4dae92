/**
 * Signals that end a node, told apart from their copies: a terminal and a service manager signal a whole group of
 * processes, and the package runner in it passes its own on as well. So one Ctrl-C arrives two or three times, within
 * milliseconds, and only one that comes later is a person's who does not want to wait.
 */
import type { Clock } from "../lib/clock.ts";

/** How long after the first signal others are taken for copies of it. */
const COPIES_MS = 1_000;

/** What to call at each signal: the first calls `stop`, one that is no copy of it `quit`. */
export function stopSignals<Signal>(
  clock: Pick<Clock, "monotonicMs">,
  { stop, quit }: { readonly stop: (signal: Signal) => void; readonly quit: () => void },
): (signal: Signal) => void {
  let firstMs: number | null = null;
  return (signal) => {
    const nowMs = clock.monotonicMs();
    if (firstMs === null) {
      firstMs = nowMs;
      stop(signal);
    } else if (nowMs - firstMs >= COPIES_MS) quit();
  };
}
