/**
 * Turns: a number in a live answer's URL that always advances, so that a cache which keeps answers cannot hand one reader
 * the same one for ever (Durable Streams calls it a cursor).
 */

const TURN_MS = 20_000;
/** 2024-10-09, as in Durable Streams. */
const FIRST_MS = 1_728_432_000_000;

/** The turn to send next: the clock's, or past the one that was asked. */
export function turnOf(nowMs: number, asked: string | undefined): string {
  const current = Math.max(0, Math.floor((nowMs - FIRST_MS) / TURN_MS));
  const before = asked === undefined ? -1 : Number(asked);
  return String(before >= current ? Math.min(before + 1, Number.MAX_SAFE_INTEGER) : current);
}
