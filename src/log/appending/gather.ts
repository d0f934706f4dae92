/**
 * Whether a partition's next commit waits a moment for those who were answered by the last one.
 *
 * - Clients that wait for an answer before they send on (closed loops, a producer's five requests in flight) come back just
 *   after it. A commit that begins at once leaves them out, so that they split into two groups that alternate, each with a
 *   commit of its own; waiting for as many as were answered puts all into one (up to twice the records a commit).
 * - It waits by turns of the event loop, never by a timer and never while nothing is queued, until a few turns have brought
 *   nothing; in all no longer than a few commits take. A turn that brings requests is work that was to be done anyway.
 * - It learns from the last waits which share of the answered came. Where it is small, commits begin at once, and one in
 *   some is a trial. One that always comes late costs the others those few turns.
 * - The writer asks only while no other partition is written to: storage joins their commits, and a wait would part them.
 * - Who came is not asked, only how many: what others send counts as well.
 *
 * Pure: time comes in, in milliseconds that never fall.
 */

/** Turns in a row that bring nothing, at 1 to 2 us each, end a wait. Eight to a thousand gave much the same CPU a record. */
const IDLE_TURNS_MAX = 32;
/** The longest wait, in commits: many clients take as long to be read as they are worth waiting for. */
const WAIT_COMMITS_MAX = 4;
/** As long a commit is taken to be at most: a stall of the disk says nothing of how soon clients come back. */
const COMMIT_MS_MAX = 1;
/** Waiting pays while at least this share of the answered comes. */
const SHARE_MIN = 0.25;
/** The weight of the newest wait among those before. */
const NEWEST_SHARE = 1 / 4;
/** What each commit that did not wait adds to the share, so that it is tried again. */
const TRIAL_STEP = 1 / 64;

export class Gather {
  /** The share of the answered that comes back in a wait. */
  #share = SHARE_MIN;
  #answered = 0;
  #latestMs = -Infinity;
  #came = 0;
  #cameBefore = 0;
  #turns = 0;
  #idleTurns = 0;

  /** A request was queued. */
  came(): void {
    this.#came += 1;
  }

  /** So many requests were answered together, after a commit of `tookMs`. */
  answered(count: number, tookMs: number, nowMs: number): void {
    if (this.#turns === 0) this.#share = Math.min(1, this.#share + TRIAL_STEP);
    this.#latestMs = nowMs + Math.min(tookMs, COMMIT_MS_MAX) * WAIT_COMMITS_MAX;
    this.#answered = count;
    this.#came = this.#cameBefore = 0;
    this.#turns = this.#idleTurns = 0;
  }

  /** True when one more turn is worth it before the next commit begins; asked before each until it says no. */
  waits(nowMs: number): boolean {
    if (this.#share < SHARE_MIN) return false;
    const all = this.#came >= this.#answered;
    if (!all && nowMs < this.#latestMs && this.#mayTurn()) return true;
    if (this.#turns > 0) {
      const share = all ? 1 : this.#came / this.#answered;
      this.#share += (share - this.#share) * NEWEST_SHARE;
    }
    return false;
  }

  #mayTurn(): boolean {
    this.#idleTurns = this.#came > this.#cameBefore ? 1 : this.#idleTurns + 1;
    this.#cameBefore = this.#came;
    if (this.#idleTurns > IDLE_TURNS_MAX) return false;
    this.#turns += 1;
    return true;
  }
}
