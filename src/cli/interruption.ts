/**
 * What Ctrl-C does to a command, whatever it waits for: a prompt, a node that is away, a reader that does not read.
 *
 * `program.ts` gives every command this one bound, so that none has to think of it; those that have something to put in
 * order first (a sum, a half-written file) follow `Io.interrupted` themselves and end sooner.
 *
 * What blocks this thread (SQLite's check of a data folder) runs in `Io.blocking`.
 */

/** A command may take this long to put things in order. */
export const WIND_UP_MS = 500;

/** What was sent to a node may take this long to be answered: less than the above, so that a sum is still told. */
export const ANSWERS_MS = 300;

/** As `work`; or rejects with the signal's reason, `graceMs` after it aborts. */
export async function endedBy<T>(
  work: Promise<T>,
  signal: AbortSignal,
  graceMs: number,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => {
    timer = setTimeout(() => reject(signal.reason), graceMs);
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}
